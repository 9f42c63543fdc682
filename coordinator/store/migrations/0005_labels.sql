-- What people write on a job, before and after its end.

ALTER TABLE jobs ADD COLUMN tags TEXT NOT NULL DEFAULT '[]';  -- JSON list of words, sorted
ALTER TABLE jobs ADD COLUMN note TEXT NOT NULL DEFAULT '';
