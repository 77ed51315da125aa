-- The version of the program that decided; NULL: decided before this was kept.
ALTER TABLE inspections ADD COLUMN program TEXT;
-- For uploads that no decision needs any more.
CREATE INDEX inspections_by_sha256 ON inspections (sha256, verdict);
-- Whether somebody told it to stop: then it is not taken up again when the server ends before the job has.
ALTER TABLE jobs ADD COLUMN stopping INTEGER NOT NULL DEFAULT 0 CHECK (stopping IN (0, 1));
