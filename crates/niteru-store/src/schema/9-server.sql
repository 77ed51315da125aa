-- Who may use the server. Times here and below are milliseconds since 1970, UTC.
CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL COLLATE NOCASE UNIQUE CHECK (length(name) BETWEEN 1 AND 100),
    -- Of the password, as the PHC format has it: the way it was hashed, the salt, the hash.
    hash TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'engineer', 'administrator')),
    disabled INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1)),
    -- Wrong passwords since the last right one.
    failed INTEGER NOT NULL DEFAULT 0,
    -- Until then no password is looked at; NULL: now one is.
    locked_until INTEGER,
    created INTEGER NOT NULL,
    last_login INTEGER
);

-- Who is logged in. Of the token only its sha256 is here: who reads the database cannot use it.
CREATE TABLE sessions (
    token BLOB PRIMARY KEY CHECK (length(token) = 32),
    user INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created INTEGER NOT NULL,
    seen INTEGER NOT NULL,
    -- Never later than this, however often it is used.
    expires INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX sessions_by_user ON sessions (user);

-- What programs log in with.
CREATE TABLE api_tokens (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    token BLOB NOT NULL UNIQUE CHECK (length(token) = 32),
    label TEXT NOT NULL CHECK (length(label) BETWEEN 1 AND 100),
    role TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'engineer', 'administrator')),
    -- NULL: made on the computer itself, without a login.
    owner INTEGER REFERENCES users (id) ON DELETE CASCADE,
    created INTEGER NOT NULL,
    -- NULL: never.
    expires INTEGER,
    seen INTEGER
);
CREATE INDEX api_tokens_by_owner ON api_tokens (owner);

-- Who did what. Rows are only ever added: `hash` is of the one before and of this one, so that a row
-- that was changed or taken out is noticed. No reference to `users`: a name stays when its user goes.
CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    time INTEGER NOT NULL,
    who TEXT NOT NULL,
    address TEXT NOT NULL,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    -- Status that the request was answered with.
    status INTEGER NOT NULL,
    hash BLOB NOT NULL CHECK (length(hash) = 32)
);

-- The end of the audit log, so that rows that were taken off its end are missed.
CREATE TABLE audit_end (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    entries INTEGER NOT NULL,
    hash BLOB NOT NULL CHECK (length(hash) = 32)
);
INSERT INTO audit_end (only, entries, hash) VALUES (1, 0, zeroblob(32));

-- Long work: what is asked for, how far it is, what came out.
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    -- JSON.
    parameters TEXT NOT NULL,
    owner TEXT NOT NULL,
    state TEXT NOT NULL CHECK (
        state IN ('queued', 'running', 'done', 'failed', 'cancelled', 'interrupted')),
    done INTEGER NOT NULL DEFAULT 0,
    -- NULL: not known.
    total INTEGER,
    -- Steps a second; NULL: not known.
    rate REAL,
    message TEXT,
    -- JSON; NULL: nothing came out.
    result TEXT,
    created INTEGER NOT NULL,
    started INTEGER,
    ended INTEGER
);
CREATE INDEX jobs_by_state ON jobs (state) WHERE state IN ('queued', 'running');

-- Image files that were handed in, kept below the home under the sha256 of their contents.
CREATE TABLE uploads (
    sha256 BLOB PRIMARY KEY CHECK (length(sha256) = 32),
    -- Ending of the file's name, which the contents decided.
    format TEXT NOT NULL CHECK (format IN ('jpg', 'png', 'webp', 'bmp', 'gif', 'tif')),
    bytes INTEGER NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    -- What the file was called where it came from. Shown, and never a path of ours.
    name TEXT NOT NULL,
    owner TEXT NOT NULL,
    created INTEGER NOT NULL
) WITHOUT ROWID;
