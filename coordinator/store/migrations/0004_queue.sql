-- The queue: what decides a job's turn, who changed what and when, and whether anything is started at all.

ALTER TABLE jobs ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN not_before_ms INTEGER NOT NULL DEFAULT 0;  -- "run at"; 0: as soon as can be
ALTER TABLE jobs ADD COLUMN is_held INTEGER NOT NULL DEFAULT 0;

-- Every transition of a job, written with it. They outlast the job.
CREATE TABLE job_events (
    number  INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id  TEXT NOT NULL,
    time_ms INTEGER NOT NULL,
    kind    TEXT NOT NULL,                -- a status of jobs, or held, released, note
    who     TEXT NOT NULL DEFAULT '',     -- user:<name>, or empty: the coordinator itself
    message TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX job_events_by_job ON job_events (job_id, number);

-- At most one row: nothing is started while it is there.
CREATE TABLE queue_pause (
    id        INTEGER PRIMARY KEY CHECK (id = 1),
    reason    TEXT NOT NULL,
    who       TEXT NOT NULL,
    since_ms  INTEGER NOT NULL
) STRICT;
