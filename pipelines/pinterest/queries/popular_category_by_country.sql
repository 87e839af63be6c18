-- The category with the most pins in each country; ties stay
SELECT country, category, category_count
FROM (
    SELECT
        g.country,
        p.category,
        count(*) AS category_count,
        rank() OVER (PARTITION BY g.country ORDER BY count(*) DESC) AS place
    FROM pin p
    JOIN geo g ON g.ind = p.ind
    GROUP BY g.country, p.category
) counted
WHERE place = 1
ORDER BY country NULLS LAST, category NULLS LAST
