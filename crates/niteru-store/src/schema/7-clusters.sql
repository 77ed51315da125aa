-- A home's own name, so that what it keeps in a cluster is told from what another home keeps there.
ALTER TABLE home ADD COLUMN identity TEXT NOT NULL DEFAULT '';
UPDATE home SET identity = lower(hex(randomblob(16)));

-- Where a collection's index is: the URL of a cluster, or NULL for this machine.
ALTER TABLE collections ADD COLUMN index_url TEXT;

-- What was sent to clusters. Each sending has a random token, which the cluster keeps beside the last
-- change. A database that was restored from a backup does not know the tokens of what was sent since,
-- so it notices that the cluster is not its own any more, whatever the change numbers are.
CREATE TABLE clusters (
    collection INTEGER NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
    -- Scheme, host and port.
    address TEXT NOT NULL,
    -- The last sending of which the cluster has acknowledged anything.
    token TEXT NOT NULL,
    -- The sending that was begun after that; NULL: none.
    next TEXT,
    -- The last change that the cluster has acknowledged, as far as is known here.
    version INTEGER NOT NULL,
    PRIMARY KEY (collection, address)
);
