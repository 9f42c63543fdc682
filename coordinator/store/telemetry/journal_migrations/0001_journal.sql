-- The telemetry store's catalogue, and the readings that are in no partition yet. Times are milliseconds of UTC.

CREATE TABLE series (
    id      INTEGER PRIMARY KEY,
    node    TEXT NOT NULL,
    device  TEXT NOT NULL,
    metric  TEXT NOT NULL,
    unit    TEXT NOT NULL DEFAULT '',
    first   INTEGER NOT NULL DEFAULT 0,   -- of the samples in partitions, as are last and count
    last    INTEGER NOT NULL DEFAULT 0,
    count   INTEGER NOT NULL DEFAULT 0,
    UNIQUE (node, device, metric)
) STRICT;

-- Which retention class a series' samples of a day go to: the last row whose from_day is not after it.
CREATE TABLE series_class (
    series    INTEGER NOT NULL REFERENCES series (id),
    from_day  INTEGER NOT NULL,
    class     TEXT NOT NULL,
    PRIMARY KEY (series, from_day)
) STRICT, WITHOUT ROWID;

-- One row for each commit. Ids are never used again: partitions remember up to which one they hold.
CREATE TABLE batch (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    hash   INTEGER NOT NULL,              -- XXH3 of bytes
    bytes  BLOB NOT NULL
) STRICT;

CREATE TABLE quarantine (
    id     INTEGER PRIMARY KEY,
    bytes  BLOB NOT NULL
) STRICT;
