-- Pins: what only says that there is nothing becomes null; 12k followers are 12000, 1.2M are
-- 1200000, and what is no such number, or none of 32 bits, is null; the location is a path.
SELECT
    index AS ind,
    known_text(unique_id) AS unique_id,
    known_text(title) AS title,
    known_text(description) AS description,
    CASE WHEN matches(follower_count, '[0-9]+([.][0-9]+)?[kM]?') THEN
        TRY_CAST(floor(
            TRY_CAST(replace(replace(follower_count, 'k', ''), 'M', '') AS DECIMAL(18, 6))
            * CASE
                WHEN follower_count LIKE '%k' THEN 1000
                WHEN follower_count LIKE '%M' THEN 1000000
                ELSE 1
            END
        ) AS INT)
    END AS follower_count,
    known_text(poster_name) AS poster_name,
    known_text(tag_list) AS tag_list,
    known_text(is_image_or_video) AS is_image_or_video,
    known_text(image_src) AS image_src,
    CASE WHEN instr(save_location, '/') > 0 THEN
        substr(save_location, instr(save_location, '/'))
    END AS save_location,
    known_text(category) AS category
FROM raw_pin
