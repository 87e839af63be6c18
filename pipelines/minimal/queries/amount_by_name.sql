-- What the events of each name come to
SELECT name, count(*) AS events, sum(amount) AS amount
FROM events
GROUP BY name
ORDER BY name
