-- Partitions that retention is deleting: the series' figures are without them already, the files may still be there.
CREATE TABLE removal (
    class  TEXT NOT NULL,
    day    INTEGER NOT NULL,
    PRIMARY KEY (class, day)
) STRICT, WITHOUT ROWID;
