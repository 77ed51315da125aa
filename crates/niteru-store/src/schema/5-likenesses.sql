-- CRC-32 of `vector`, so that damage on the disk is noticed: SQLite has no checksums of its own.
-- NULL: stored before there was one.
ALTER TABLE embeddings ADD COLUMN crc32 INTEGER;

-- What pictures look like, to find near duplicates (`Likeness` of the imaging crate). An image without
-- a row gets one from its file when it is first needed.
CREATE TABLE likenesses (
    image INTEGER PRIMARY KEY REFERENCES images (id) ON DELETE CASCADE,
    likeness BLOB NOT NULL CHECK (length(likeness) = 272)
);
