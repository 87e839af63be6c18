-- One row for each order that has a price; an order without a quantity is for one.
SELECT
    id,
    instant(placed) AS placed,
    article,
    coalesce(quantity, 1) AS quantity,
    coalesce(quantity, 1) * price AS amount,
    city
FROM raw_orders
WHERE price IS NOT NULL
