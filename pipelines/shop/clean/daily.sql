-- What each day came to.
SELECT CAST(placed AS DATE) AS day, count(*) AS orders, sum(amount) AS amount
FROM orders
WHERE placed IS NOT NULL
GROUP BY CAST(placed AS DATE)
