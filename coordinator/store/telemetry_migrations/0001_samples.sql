-- Readings, each once: a series and a time name one sample. Times are milliseconds of UTC since 1970.

CREATE TABLE series (
    id      INTEGER PRIMARY KEY,
    device  TEXT NOT NULL,                    -- node/device
    metric  TEXT NOT NULL,
    unit    TEXT NOT NULL DEFAULT '',
    UNIQUE (device, metric)
) STRICT;

CREATE TABLE samples (
    series   INTEGER NOT NULL REFERENCES series (id),
    time_ms  INTEGER NOT NULL,
    quality  INTEGER NOT NULL,                -- 192 good, 500 stale, 0 bad (Sparkplug B 3.0, 6.4.7)
    value    ANY,                             -- number, 0/1, text; NULL where none was to be had
    PRIMARY KEY (series, time_ms)
) STRICT, WITHOUT ROWID;
