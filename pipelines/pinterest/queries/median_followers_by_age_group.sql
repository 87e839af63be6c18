-- The lower median of the followers in each age group; unknown numbers are left out
SELECT age_group, follower_count AS median_follower_count
FROM (
    SELECT
        age_group,
        follower_count,
        row_number() OVER (PARTITION BY age_group ORDER BY follower_count) AS place,
        count(*) OVER (PARTITION BY age_group) AS total
    FROM (
        SELECT
            p.follower_count,
            CASE
                WHEN u.age BETWEEN 18 AND 24 THEN '18-24'
                WHEN u.age BETWEEN 25 AND 35 THEN '25-35'
                WHEN u.age BETWEEN 36 AND 50 THEN '36-50'
                ELSE '+50'
            END AS age_group
        FROM pin p
        JOIN user u ON u.ind = p.ind
        WHERE p.follower_count IS NOT NULL
    ) counted
) ranked
WHERE 2 * place = total OR 2 * place = total + 1
ORDER BY age_group
