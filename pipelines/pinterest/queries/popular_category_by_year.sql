-- The category with the most pins posted in each year; ties stay
SELECT post_year, category, category_count
FROM (
    SELECT
        year(g.timestamp) AS post_year,
        p.category,
        count(*) AS category_count,
        rank() OVER (PARTITION BY year(g.timestamp) ORDER BY count(*) DESC) AS place
    FROM pin p
    JOIN geo g ON g.ind = p.ind
    GROUP BY year(g.timestamp), p.category
) counted
WHERE place = 1
ORDER BY post_year NULLS LAST, category NULLS LAST
