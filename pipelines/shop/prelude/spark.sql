-- The text as an instant, or null where it is none.
SET TIME ZONE 'UTC';
CREATE OR REPLACE TEMPORARY FUNCTION instant(text STRING) RETURNS TIMESTAMP
    RETURN TRY_CAST(text AS TIMESTAMP);
