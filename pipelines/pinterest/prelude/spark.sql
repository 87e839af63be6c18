-- What Spark and DuckDB spell differently; duckdb.sql has the same functions. One test runs every
-- statement of clean/ and queries/ on both.

-- Times without an offset, and the years of times, are UTC's.
SET TIME ZONE 'UTC';

-- Is the text, from its first to its last character, of this pattern?
CREATE OR REPLACE TEMPORARY FUNCTION matches(text STRING, pattern STRING) RETURNS BOOLEAN
    RETURN regexp_like(text, concat('^(?:', pattern, r')\z'));

-- The text, or null where it only says that there is nothing.
CREATE OR REPLACE TEMPORARY FUNCTION known_text(text STRING) RETURNS STRING
    RETURN CASE WHEN text IN (
        '',
        'No Title Data Available',
        'No description available Story format',
        'No description available',
        'User Info Error',
        'N,o, ,T,a,g,s, ,A,v,a,i,l,a,b,l,e',
        'Image src error.',
        'Image src error'
    ) THEN NULL ELSE text END;

CREATE OR REPLACE TEMPORARY FUNCTION make_coordinates(latitude DOUBLE, longitude DOUBLE)
    RETURNS STRUCT<latitude: DOUBLE, longitude: DOUBLE>
    RETURN named_struct('latitude', latitude, 'longitude', longitude);

-- The instant that a text names, in UTC where it names no offset; null where it names none. Years
-- are 1000 to 9999. The forms: 2018-09-03T07:12:45 (a space for the T, a fraction, Z or an offset
-- are fine, the seconds may be left out, the date alone is midnight), 09/03/2018, 07:12:45 and
-- 2018:09:03 07:12:45.
CREATE OR REPLACE TEMPORARY FUNCTION parse_timestamp(text STRING) RETURNS TIMESTAMP
    RETURN CASE
        WHEN regexp_like(text, '^[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}'
            || '([T ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,9})?'
            || r'(Z|[+-](0[0-9]|1[0-7])(:?[0-5][0-9])?)?)?\z')
            THEN TRY_CAST(text AS TIMESTAMP)
        WHEN regexp_like(text, '^[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}[T ]([01][0-9]|2[0-3]):[0-5][0-9]'
            || r'(Z|[+-](0[0-9]|1[0-7])(:?[0-5][0-9])?)?\z')
            THEN TRY_CAST(concat(substr(text, 1, 16), ':00', substr(text, 17)) AS TIMESTAMP)
        WHEN regexp_like(text, r'^[0-9]{2}/[0-9]{2}/[1-9][0-9]{3}, [0-9]{2}:[0-9]{2}:[0-9]{2}\z')
            THEN try_to_timestamp(text, 'MM/dd/yyyy, HH:mm:ss')
        WHEN regexp_like(text, r'^[1-9][0-9]{3}:[0-9]{2}:[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}\z')
            THEN try_to_timestamp(text, 'yyyy:MM:dd HH:mm:ss')
    END;
