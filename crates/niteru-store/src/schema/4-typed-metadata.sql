-- What a value is beside its text, so that it can be compared: NULL where it is no number, no date.
-- Derived from `value` by the program, which writes them together.
ALTER TABLE metadata ADD COLUMN number REAL;
-- Milliseconds since 1970, UTC.
ALTER TABLE metadata ADD COLUMN instant INTEGER;
UPDATE metadata SET number = niteru_number(value), instant = niteru_instant(value)
WHERE niteru_number(value) IS NOT NULL OR niteru_instant(value) IS NOT NULL;

-- Every text is in one of these two. An index with all of a text answers without a look at the
-- table; of long ones it would be as large as the table, so they are found by their start.
CREATE INDEX metadata_by_text ON metadata (field, value) WHERE length(value) <= 40;
CREATE INDEX metadata_by_long_text ON metadata (field, substr(value, 1, 40)) WHERE length(value) > 40;
CREATE INDEX metadata_by_number ON metadata (field, number) WHERE number IS NOT NULL;
CREATE INDEX metadata_by_instant ON metadata (field, instant) WHERE instant IS NOT NULL;
