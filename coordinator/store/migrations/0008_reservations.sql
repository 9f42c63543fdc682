-- The calendar of the devices: which stretches of it are whose, what happened to them, and who is still to be told.

CREATE TABLE reservations (
    id         TEXT PRIMARY KEY,
    device     TEXT NOT NULL,                -- node/device
    owner      TEXT NOT NULL,                -- user:NAME
    from_ms    INTEGER NOT NULL,
    to_ms      INTEGER NOT NULL,             -- not included
    note       TEXT NOT NULL DEFAULT '',
    made_ms    INTEGER NOT NULL,
    dated_ms   INTEGER NOT NULL,             -- when its begin was last set
    begun_ms   INTEGER,                      -- when its begin was acted on
    ended_ms   INTEGER,                      -- before its time
    end_reason TEXT NOT NULL DEFAULT '' CHECK (end_reason IN ('', 'cancelled', 'no_show')),
    CHECK (from_ms < to_ms)
) STRICT;
CREATE INDEX reservations_by_device ON reservations (device, to_ms);
CREATE INDEX reservations_by_end ON reservations (to_ms);

-- One owner at a time, whatever the code believes.
CREATE TRIGGER reservations_never_overlap BEFORE INSERT ON reservations WHEN NEW.ended_ms IS NULL
BEGIN
    SELECT RAISE(ABORT, 'the device is reserved then') FROM reservations
    WHERE device = NEW.device AND ended_ms IS NULL AND from_ms < NEW.to_ms AND to_ms > NEW.from_ms;
END;
CREATE TRIGGER reservations_never_grow_together BEFORE UPDATE OF device, from_ms, to_ms, ended_ms ON reservations
WHEN NEW.ended_ms IS NULL
BEGIN
    SELECT RAISE(ABORT, 'the device is reserved then') FROM reservations
    WHERE device = NEW.device AND ended_ms IS NULL AND from_ms < NEW.to_ms AND to_ms > NEW.from_ms AND id <> NEW.id;
END;

CREATE TABLE reservation_events (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    reservation TEXT NOT NULL,
    device      TEXT NOT NULL,
    owner       TEXT NOT NULL,
    from_ms     INTEGER NOT NULL,            -- as they were then
    to_ms       INTEGER NOT NULL,
    time_ms     INTEGER NOT NULL,
    kind        TEXT NOT NULL,
    who         TEXT NOT NULL DEFAULT '',    -- user:NAME, or empty: the coordinator itself
    message     TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX reservation_events_by_time ON reservation_events (time_ms);

-- Of which begin was reminded, and how long before.
CREATE TABLE reservation_reminders (
    reservation TEXT NOT NULL REFERENCES reservations (id) ON DELETE CASCADE,
    from_ms     INTEGER NOT NULL,
    lead_ms     INTEGER NOT NULL,
    PRIMARY KEY (reservation, from_ms, lead_ms)
) STRICT, WITHOUT ROWID;

-- Events each channel has not delivered yet.
CREATE TABLE reservation_outbox (
    channel TEXT NOT NULL,
    event   INTEGER NOT NULL REFERENCES reservation_events (number) ON DELETE CASCADE,
    PRIMARY KEY (channel, event)
) STRICT, WITHOUT ROWID;
