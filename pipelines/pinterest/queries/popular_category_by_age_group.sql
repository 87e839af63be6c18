-- The category with the most pins in each age group; of several, the first by name
SELECT age_group, category, category_count
FROM (
    SELECT
        age_group,
        category,
        count(*) AS category_count,
        row_number() OVER (
            PARTITION BY age_group
            ORDER BY count(*) DESC, category NULLS LAST
        ) AS place
    FROM (
        SELECT
            p.category,
            CASE
                WHEN u.age BETWEEN 18 AND 24 THEN '18-24'
                WHEN u.age BETWEEN 25 AND 35 THEN '25-35'
                WHEN u.age BETWEEN 36 AND 50 THEN '36-50'
                ELSE '+50'
            END AS age_group
        FROM pin p
        JOIN user u ON u.ind = p.ind
    ) grouped
    GROUP BY age_group, category
) counted
WHERE place = 1
ORDER BY age_group
