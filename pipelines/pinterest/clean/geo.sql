-- Geolocations: the two coordinates as one, the timestamp as an instant.
SELECT
    ind,
    country,
    make_coordinates(latitude, longitude) AS coordinates,
    parse_timestamp(timestamp) AS timestamp
FROM raw_geo
