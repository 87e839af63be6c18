-- Users: one name, null if a part of it is; the day they joined as an instant.
SELECT
    ind,
    first_name || last_name AS user_name,
    age,
    parse_timestamp(date_joined) AS date_joined
FROM raw_user
