-- Photos in watched folders that were dealt with, so that none is judged twice, however a watch ended. By the
-- inspector's name: its versions come and go.
CREATE TABLE watched_photos (
    inspector TEXT NOT NULL CHECK (length(inspector) > 0),
    -- The image file, as in `images`.
    path BLOB NOT NULL,
    -- How it looked then: its length, and when it was changed, in nanoseconds since 1970.
    bytes INTEGER NOT NULL,
    modified INTEGER NOT NULL,
    -- It was there before the watch began, was judged, or cannot be used.
    became TEXT NOT NULL CHECK (became IN ('left', 'judged', 'refused')),
    -- Of its contents, where they were judged.
    sha256 BLOB CHECK (length(sha256) = 32),
    PRIMARY KEY (inspector, path)
) WITHOUT ROWID;
