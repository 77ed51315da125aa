-- Trained inspectors. Training a name again makes its next version; the old ones stay, so that what they
-- decided can be replayed.
CREATE TABLE inspectors (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    version INTEGER NOT NULL CHECK (version > 0),
    -- Milliseconds since 1970, UTC; so are all times below.
    created INTEGER NOT NULL,
    model TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    -- JSON: how it was trained, and what came out.
    settings TEXT NOT NULL,
    summary TEXT NOT NULL,
    -- Of `bytes`, so that damage on the disk is noticed.
    sha256 BLOB NOT NULL CHECK (length(sha256) = 32),
    -- The inspector itself. Last: what stands before it is read without its pages.
    bytes BLOB NOT NULL,
    UNIQUE (name, version)
);

-- What inspectors decided. No cascade: history is never removed by the way.
CREATE TABLE inspections (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    inspector INTEGER NOT NULL REFERENCES inspectors (id),
    -- The image file, as in `images`.
    path BLOB NOT NULL,
    sha256 BLOB NOT NULL CHECK (length(sha256) = 32),
    time INTEGER NOT NULL,
    operator TEXT,
    -- SQLite makes NULL of NaN.
    score REAL NOT NULL,
    threshold REAL NOT NULL,
    p_value REAL NOT NULL CHECK (p_value BETWEEN 0 AND 1),
    -- UNLIKE: unlike anything seen in training, such as another product.
    verdict TEXT NOT NULL CHECK (verdict IN ('OK', 'NG', 'UNLIKE')),
    -- JSON: an array.
    regions TEXT NOT NULL,
    -- The instruction set that it was computed with: only there the score is the same bit for bit.
    kernels TEXT NOT NULL,
    -- What the strongest defect looks like: a unit vector, f32, little endian.
    defect BLOB CHECK (length(defect) > 0 AND length(defect) % 4 = 0)
);
CREATE INDEX inspections_by_time ON inspections (inspector, time);

-- Metadata fields of inspections, in the order in which they first came.
CREATE TABLE inspection_fields (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);

CREATE TABLE inspection_metadata (
    inspection INTEGER NOT NULL REFERENCES inspections (id) ON DELETE CASCADE,
    field INTEGER NOT NULL REFERENCES inspection_fields (id),
    value TEXT NOT NULL,
    PRIMARY KEY (inspection, field)
) WITHOUT ROWID;

-- What people said about an inspection. The newest (the one with the largest id) counts.
CREATE TABLE reviews (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    inspection INTEGER NOT NULL REFERENCES inspections (id) ON DELETE CASCADE,
    verdict TEXT NOT NULL CHECK (verdict IN ('OK', 'NG')),
    note TEXT NOT NULL,
    reviewer TEXT,
    time INTEGER NOT NULL
);
CREATE INDEX reviews_by_inspection ON reviews (inspection);
