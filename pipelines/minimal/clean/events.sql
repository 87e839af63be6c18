-- One row for each event that has an amount.
SELECT id, name, amount
FROM raw_events
WHERE amount IS NOT NULL
