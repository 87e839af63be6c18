-- The text as an instant, or null where it is none.
CREATE OR REPLACE MACRO instant(text) AS TRY_CAST(text AS TIMESTAMP WITH TIME ZONE);
