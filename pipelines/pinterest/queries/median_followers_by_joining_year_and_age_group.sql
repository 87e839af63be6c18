-- The lower median of the followers by the year of joining and the age group
SELECT post_year, age_group, follower_count AS median_follower_count
FROM (
    SELECT
        post_year,
        age_group,
        follower_count,
        row_number() OVER (PARTITION BY post_year, age_group ORDER BY follower_count) AS place,
        count(*) OVER (PARTITION BY post_year, age_group) AS total
    FROM (
        SELECT
            p.follower_count,
            year(u.date_joined) AS post_year,
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
ORDER BY post_year NULLS LAST, age_group
