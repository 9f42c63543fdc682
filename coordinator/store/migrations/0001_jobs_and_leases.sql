-- Jobs, leases and commands: what must survive the coordinator. Times are milliseconds of UTC since 1970.

CREATE TABLE jobs (
    id            TEXT PRIMARY KEY,
    status        TEXT NOT NULL CHECK (status IN ('queued', 'preparing', 'running', 'stopping',
                                                  'completed', 'failed', 'stopped', 'timed_out')),
    reason        TEXT NOT NULL DEFAULT '',   -- why it ended: a word of docs/architecture.md, "States"
    message       TEXT NOT NULL DEFAULT '',   -- the same for people
    device        TEXT NOT NULL,              -- node/device
    requested_by  TEXT NOT NULL,
    request       TEXT NOT NULL,              -- JSON: limits and environment as they were asked for
    script        TEXT NOT NULL,
    secret        TEXT NOT NULL,              -- proves to us that a runner was started for this job
    stop_reason   TEXT NOT NULL DEFAULT '',   -- a stop was asked for, and why
    lease_id      TEXT NOT NULL DEFAULT '',
    runtime       TEXT NOT NULL DEFAULT '',
    exit_code     INTEGER,
    signal        INTEGER,
    peak_memory   INTEGER,                    -- bytes
    cpu_ms        INTEGER,
    created_ms    INTEGER NOT NULL,
    started_ms    INTEGER,
    ended_ms      INTEGER
) STRICT;
CREATE INDEX jobs_by_status ON jobs (status, created_ms);

CREATE TABLE leases (
    id          TEXT PRIMARY KEY,
    device      TEXT NOT NULL,
    holder      TEXT NOT NULL,                -- "job:<id>" or "user:<name>"
    granted_ms  INTEGER NOT NULL,
    expires_ms  INTEGER NOT NULL,
    ended_ms    INTEGER,
    end_reason  TEXT NOT NULL DEFAULT ''
) STRICT;
-- One lease per device, whatever the code believes.
CREATE UNIQUE INDEX one_lease_per_device ON leases (device) WHERE ended_ms IS NULL;

CREATE TABLE commands (
    id          TEXT NOT NULL,                -- as the agent knows it
    device      TEXT NOT NULL,
    principal   TEXT NOT NULL,
    job_id      TEXT NOT NULL DEFAULT '',
    asked_ms    INTEGER NOT NULL,
    answered_ms INTEGER NOT NULL,
    asked       TEXT NOT NULL,                -- JSON object: metric → value
    applied     TEXT NOT NULL,                -- the same as the device acknowledged it; {} when refused
    outcome     TEXT NOT NULL,                -- "applied", or the error's code
    message     TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX commands_by_device ON commands (device, asked_ms);
