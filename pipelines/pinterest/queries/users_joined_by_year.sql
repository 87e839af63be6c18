-- Users that joined in each year; a name counts once, at its earliest date, and no name is no user
SELECT year(first_joined) AS post_year, count(*) AS number_users_joined
FROM (
    SELECT user_name, min(date_joined) AS first_joined
    FROM user
    WHERE user_name IS NOT NULL
    GROUP BY user_name
) first_dates
GROUP BY year(first_joined)
ORDER BY post_year NULLS LAST
