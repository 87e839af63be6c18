-- What the orders of each city come to
SELECT city, count(*) AS orders, round(sum(amount), 2) AS amount
FROM orders
GROUP BY city
ORDER BY amount DESC, city
