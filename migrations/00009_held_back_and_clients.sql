-- Which detectors did not judge in the last pass, and from which addresses
-- hosts have sent their PUTs.

-- +goose Up

-- A detector has a row while it is held back. since_at is when that began, in
-- microseconds; reason is for people.
CREATE TABLE held_back (
  symptom  TEXT PRIMARY KEY,
  since_at INTEGER NOT NULL,
  reason   TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- An address that a host's PUTs came from in an hour: no more than 8 of an hour,
-- and '' if there were more. Only the last days are kept.
CREATE TABLE put_clients (
  hour      INTEGER NOT NULL,
  host_id   INTEGER NOT NULL REFERENCES hosts (id),
  source_id INTEGER NOT NULL REFERENCES sources (id),
  client    TEXT NOT NULL,
  PRIMARY KEY (hour, host_id, source_id, client)
) STRICT, WITHOUT ROWID;
