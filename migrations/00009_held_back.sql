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
