-- Alarms: the rules people set, what is and was alarming, and which notifications are still to be sent.

CREATE TABLE alarm_rules (
    id          TEXT PRIMARY KEY,
    device      TEXT NOT NULL,                -- node/device, or * for every device
    metric      TEXT NOT NULL,
    limits      TEXT NOT NULL,                -- JSON
    reaction    TEXT NOT NULL,
    description TEXT NOT NULL DEFAULT '',
    set_by      TEXT NOT NULL,
    set_ms      INTEGER NOT NULL
) STRICT;

CREATE TABLE alarms (
    id              TEXT PRIMARY KEY,
    rule            TEXT NOT NULL,
    device          TEXT NOT NULL,
    metric          TEXT NOT NULL,
    unit            TEXT NOT NULL DEFAULT '',
    of_node         INTEGER NOT NULL,         -- 1: the node itself checks it
    job_id          TEXT NOT NULL DEFAULT '',
    reaction        TEXT NOT NULL,
    condition       TEXT NOT NULL,
    severity        TEXT NOT NULL,
    highest         TEXT NOT NULL,
    value           REAL,
    limit_value     REAL,
    message         TEXT NOT NULL DEFAULT '',
    description     TEXT NOT NULL DEFAULT '',
    raised_ms       INTEGER NOT NULL,
    changed_ms      INTEGER NOT NULL,
    cleared_ms      INTEGER,
    acknowledged_ms INTEGER,
    acknowledged_by TEXT NOT NULL DEFAULT '',
    comment         TEXT NOT NULL DEFAULT '',
    is_over         INTEGER NOT NULL          -- 1: cleared and acknowledged
) STRICT;
CREATE INDEX present_alarms ON alarms (is_over) WHERE is_over = 0;

CREATE TABLE alarm_events (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    alarm       TEXT NOT NULL,
    rule        TEXT NOT NULL,
    device      TEXT NOT NULL,
    metric      TEXT NOT NULL,
    unit        TEXT NOT NULL DEFAULT '',
    job_id      TEXT NOT NULL DEFAULT '',
    kind        TEXT NOT NULL,
    condition   TEXT NOT NULL,
    severity    TEXT NOT NULL,
    highest     TEXT NOT NULL,
    value       REAL,
    limit_value REAL,
    time_ms     INTEGER NOT NULL,
    who         TEXT NOT NULL DEFAULT '',
    comment     TEXT NOT NULL DEFAULT '',
    message     TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX alarm_events_by_time ON alarm_events (time_ms);
CREATE INDEX alarm_events_by_job ON alarm_events (job_id, number) WHERE job_id <> '';

-- Events each channel has not delivered yet.
CREATE TABLE alarm_outbox (
    channel TEXT NOT NULL,
    event   INTEGER NOT NULL REFERENCES alarm_events (number) ON DELETE CASCADE,
    PRIMARY KEY (channel, event)
) STRICT, WITHOUT ROWID;
