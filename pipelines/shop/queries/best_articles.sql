-- The articles, by what they brought in
SELECT article, sum(quantity) AS sold, round(sum(amount), 2) AS amount
FROM orders
GROUP BY article
ORDER BY amount DESC, article
