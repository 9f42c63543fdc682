-- How far each node's spool is stored, as of the batches that have been trimmed. Later positions are in the batches.
CREATE TABLE spool_position (
    node      TEXT PRIMARY KEY,
    life      INTEGER NOT NULL,           -- XXH3 of what the node calls this life of its spool
    position  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
