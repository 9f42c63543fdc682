-- The stretches of time for which a job's sandbox was, or is, frozen. At most the last one of a job lasts.

CREATE TABLE job_pauses (
    job_id    TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    since_ms  INTEGER NOT NULL,
    until_ms  INTEGER,                    -- NULL: it lasts
    actuators TEXT NOT NULL CHECK (actuators IN ('hold', 'safe')),
    who       TEXT NOT NULL,
    reason    TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (job_id, since_ms)
) STRICT, WITHOUT ROWID;
