-- People and programs that may ask the hub for things. Bounds are JSON: the word of a bound → its value, null for none.

CREATE TABLE roles (
    name      TEXT PRIMARY KEY,
    is_admin  INTEGER NOT NULL,
    bounds    TEXT NOT NULL DEFAULT '{}'
) STRICT, WITHOUT ROWID;

CREATE TABLE users (
    name         TEXT PRIMARY KEY,
    full_name    TEXT NOT NULL DEFAULT '',
    email        TEXT NOT NULL DEFAULT '',
    role         TEXT NOT NULL REFERENCES roles (name),
    is_disabled  INTEGER NOT NULL DEFAULT 0,
    bounds       TEXT NOT NULL DEFAULT '{}',
    created_ms   INTEGER NOT NULL,
    created_by   TEXT NOT NULL            -- user:NAME; empty: always there
) STRICT, WITHOUT ROWID;

CREATE TABLE tokens (
    hash          TEXT PRIMARY KEY,       -- SHA-256 of the secret, which is nowhere kept
    user          TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    name          TEXT NOT NULL,
    created_ms    INTEGER NOT NULL,
    created_by    TEXT NOT NULL,
    expires_ms    INTEGER,
    last_used_ms  INTEGER,                -- to within ten minutes
    UNIQUE (user, name)
) STRICT, WITHOUT ROWID;

INSERT INTO roles (name, is_admin) VALUES ('admin', 1), ('user', 0);
INSERT INTO users (name, role, created_ms, created_by) VALUES ('admin', 'admin', 0, '');
