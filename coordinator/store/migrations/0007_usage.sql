-- What each job used, written with its end: for the quota of its user and his fair share, also when the job is deleted.

CREATE TABLE job_usage (
    job_id    TEXT NOT NULL,
    ended_ms  INTEGER NOT NULL,
    user      TEXT NOT NULL,              -- user:NAME
    cpu_ms    INTEGER NOT NULL,
    PRIMARY KEY (job_id, ended_ms)        -- an id can be used again when its job is deleted
) STRICT, WITHOUT ROWID;
CREATE INDEX job_usage_by_time ON job_usage (ended_ms);

INSERT INTO job_usage (job_id, ended_ms, user, cpu_ms)
    SELECT id, ended_ms, requested_by, cpu_ms FROM jobs WHERE ended_ms IS NOT NULL AND cpu_ms > 0;

ALTER TABLE jobs ADD COLUMN result_bytes INTEGER;  -- of its folder when it had ended; NULL: not counted yet
