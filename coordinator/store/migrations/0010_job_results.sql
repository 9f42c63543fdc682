-- What is known of the files ended jobs have left. A job without a row has the usual.

CREATE TABLE job_results (
    job_id          TEXT PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    keep            TEXT NOT NULL CHECK (keep IN ('usual', 'until_downloaded', 'pinned')),
    downloaded_ms   INTEGER,              -- when the zip was last sent to its end
    removed_ms      INTEGER,              -- the files are gone, or going
    removed_because TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;
