-- The lower median of the followers by the year in which the user joined
SELECT post_year, follower_count AS median_follower_count
FROM (
    SELECT
        post_year,
        follower_count,
        row_number() OVER (PARTITION BY post_year ORDER BY follower_count) AS place,
        count(*) OVER (PARTITION BY post_year) AS total
    FROM (
        SELECT p.follower_count, year(u.date_joined) AS post_year
        FROM pin p
        JOIN user u ON u.ind = p.ind
        WHERE p.follower_count IS NOT NULL
    ) counted
) ranked
WHERE 2 * place = total OR 2 * place = total + 1
ORDER BY post_year NULLS LAST
