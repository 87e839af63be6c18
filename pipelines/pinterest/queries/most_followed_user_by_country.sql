-- The poster with the most followers in each country; of several, the first by name
SELECT country, poster_name, follower_count
FROM (
    SELECT
        g.country,
        p.poster_name,
        p.follower_count,
        row_number() OVER (
            PARTITION BY g.country
            ORDER BY p.follower_count DESC NULLS LAST, p.poster_name NULLS LAST
        ) AS place
    FROM pin p
    JOIN geo g ON g.ind = p.ind
) ranked
WHERE place = 1
ORDER BY country NULLS LAST
