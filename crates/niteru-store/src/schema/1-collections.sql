-- One row: the number of the last change in this home. Every inserted, altered or removed image
-- takes the next one, so derived data (indexes) can ask for what came after the change it knows.
CREATE TABLE home (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    change INTEGER NOT NULL
);
INSERT INTO home (only, change) VALUES (1, 0);

-- What made embeddings: embeddings of different encoders are never compared.
CREATE TABLE encoders (
    id INTEGER PRIMARY KEY,
    fingerprint TEXT NOT NULL UNIQUE,
    model TEXT NOT NULL,
    dimensions INTEGER NOT NULL CHECK (dimensions > 0)
);

CREATE TABLE collections (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 100),
    encoder INTEGER NOT NULL REFERENCES encoders (id),
    -- Milliseconds since 1970, UTC.
    created INTEGER NOT NULL
);

-- AUTOINCREMENT: the id of a removed image is never given to another one.
CREATE TABLE images (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    collection INTEGER NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
    -- Absolute, as bytes: on Unix a path need not be text. UTF-8 elsewhere.
    path BLOB NOT NULL,
    sha256 BLOB NOT NULL CHECK (length(sha256) = 32),
    bytes INTEGER NOT NULL,
    -- The file's time of change, nanoseconds since 1970. NULL: compare contents next time.
    modified INTEGER,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    -- 1: was not there when its folder was last added.
    missing INTEGER NOT NULL DEFAULT 0 CHECK (missing IN (0, 1)),
    added INTEGER NOT NULL,
    change INTEGER NOT NULL,
    UNIQUE (collection, path)
);
CREATE INDEX images_by_change ON images (collection, change);
CREATE INDEX images_by_content ON images (bytes, sha256);

-- The images that are gone, for indexes that still hold them.
CREATE TABLE removed_images (
    change INTEGER PRIMARY KEY,
    collection INTEGER NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
    image INTEGER NOT NULL
);
CREATE INDEX removed_images_by_change ON removed_images (collection, change);

-- Unit vectors, IEEE half precision, little endian.
CREATE TABLE embeddings (
    image INTEGER PRIMARY KEY REFERENCES images (id) ON DELETE CASCADE,
    encoder INTEGER NOT NULL REFERENCES encoders (id),
    vector BLOB NOT NULL
);

-- Metadata fields of a collection, in the order in which they first came.
CREATE TABLE fields (
    id INTEGER PRIMARY KEY,
    collection INTEGER NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    UNIQUE (collection, name)
);

CREATE TABLE metadata (
    image INTEGER NOT NULL REFERENCES images (id) ON DELETE CASCADE,
    field INTEGER NOT NULL REFERENCES fields (id) ON DELETE CASCADE,
    value TEXT NOT NULL,
    PRIMARY KEY (image, field)
) WITHOUT ROWID;
CREATE INDEX metadata_by_field ON metadata (field, image);
