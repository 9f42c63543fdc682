-- Images experiments run in. Their files are in <data>/images/sha256/DIGEST; the newest of a name is what it stands for.

CREATE TABLE images (
    digest        TEXT NOT NULL,
    name          TEXT NOT NULL,
    manifest_sum  TEXT NOT NULL,              -- SHA-256 of its manifest.json
    made_by       TEXT NOT NULL,              -- user:NAME
    taken_ms      INTEGER NOT NULL,           -- when it became what its name stands for
    PRIMARY KEY (digest, name)
) STRICT;
CREATE INDEX images_by_name ON images (name, taken_ms);

-- Which roles may use an image of that name; a name without a row is for everybody.
CREATE TABLE image_roles (
    name   TEXT PRIMARY KEY,
    roles  TEXT NOT NULL                      -- JSON list
) STRICT, WITHOUT ROWID;
