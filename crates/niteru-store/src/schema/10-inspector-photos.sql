-- Uploads that people collected for an inspector, before it is trained and for the next time. No reference to
-- `inspectors`: they are collected under a name that nothing was trained under yet.
CREATE TABLE inspector_photos (
    inspector TEXT NOT NULL CHECK (length(inspector) > 0),
    sha256 BLOB NOT NULL REFERENCES uploads (sha256) ON DELETE CASCADE,
    -- What it shows: a good part, a bad one, or, in white, the area that counts.
    shows TEXT NOT NULL CHECK (shows IN ('good', 'bad', 'area')),
    added INTEGER NOT NULL,
    PRIMARY KEY (inspector, sha256)
) WITHOUT ROWID;
CREATE INDEX inspector_photos_by_sha256 ON inspector_photos (sha256);
