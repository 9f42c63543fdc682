CREATE TABLE readings(vial TEXT NOT NULL REFERENCES vials(name), at INTEGER NOT NULL, value REAL) STRICT;
CREATE INDEX readings_by_vial ON readings(vial, at);
