-- The tables. Times are INTEGER microseconds since 1970-01-01 UTC; hours are
-- INTEGER hours since then (microseconds / 3600000000), which keeps the
-- rollups narrow. Raw tables are clustered by time first: a pass appends to
-- the end of each, however many hosts it heard from.

-- +goose Up

-- 'c490' in ASCII: how this program knows a database as its own.
PRAGMA application_id = 1664366896;

-- A stream of facts: which receiver, and which of its streams.
CREATE TABLE sources (
  id       INTEGER PRIMARY KEY,
  receiver TEXT NOT NULL,
  stream   TEXT NOT NULL,
  UNIQUE (receiver, stream)
) STRICT;

-- next_*_at is the earliest fact stamped later than the clock of the last
-- pass, NULL if there is none. Such a fact moves last_*_at once the clock has
-- reached it, so a stamp from the future never makes a host look alive.
CREATE TABLE hosts (
  id            INTEGER PRIMARY KEY,
  name          TEXT NOT NULL UNIQUE,
  first_seen_at INTEGER NOT NULL,
  last_ship_at  INTEGER,
  next_ship_at  INTEGER,
  last_put_at   INTEGER,
  next_put_at   INTEGER,
  retired_at    INTEGER
) STRICT;

-- Code commits that episodes were stamped with. Id 0 is never given out: it
-- stands in series for "the index line named none".
CREATE TABLE code_commits (
  id   INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE
) STRICT;

-- What ships have in common: where a host's ships were read, and the code
-- commit that they were stamped with.
CREATE TABLE series (
  id             INTEGER PRIMARY KEY,
  source_id      INTEGER NOT NULL REFERENCES sources (id),
  host_id        INTEGER NOT NULL REFERENCES hosts (id),
  code_commit_id INTEGER NOT NULL,
  UNIQUE (source_id, host_id, code_commit_id)
) STRICT;

-- The raw tables carry no foreign keys: they would cost a third of the rate at
-- which a backlog is stored. The program never deletes what they point to.

-- One accepted episode from the index.
CREATE TABLE ships (
  received_at INTEGER NOT NULL,
  series_id   INTEGER NOT NULL,
  line_hash   INTEGER NOT NULL,
  PRIMARY KEY (received_at, series_id, line_hash)
) STRICT, WITHOUT ROWID;

-- One PUT access line from the journal. The host is no part of the key: read
-- again, a line may count under another name than '(overflow)'.
CREATE TABLE puts (
  at          INTEGER NOT NULL,
  cursor_hash INTEGER NOT NULL,
  host_id     INTEGER NOT NULL,
  status      INTEGER NOT NULL,
  source_id   INTEGER NOT NULL,
  PRIMARY KEY (at, cursor_hash)
) STRICT, WITHOUT ROWID;

-- One WARNING of the receiver about a host's PUT.
CREATE TABLE rejections (
  at          INTEGER NOT NULL,
  cursor_hash INTEGER NOT NULL,
  host_id     INTEGER NOT NULL,
  reason      TEXT NOT NULL,
  message     TEXT NOT NULL,
  source_id   INTEGER NOT NULL,
  PRIMARY KEY (at, cursor_hash)
) STRICT, WITHOUT ROWID;

-- The rollups: what the raw rows of an hour say of a host. They outlive the
-- raw rows. longest_gap is the longest time between two ships of the same
-- hour, 0 with fewer than two; the silence across an hour's end is
-- first_at of the next row of the host minus last_at of this one.
-- commit_changes counts how often a ship's commit differed from that of the
-- ship before it in the same hour.
CREATE TABLE ship_hours (
  hour            INTEGER NOT NULL,
  host_id         INTEGER NOT NULL REFERENCES hosts (id),
  source_id       INTEGER NOT NULL REFERENCES sources (id),
  ships           INTEGER NOT NULL,
  first_at        INTEGER NOT NULL,
  last_at         INTEGER NOT NULL,
  longest_gap     INTEGER NOT NULL,
  first_commit_id INTEGER NOT NULL,
  last_commit_id  INTEGER NOT NULL,
  commit_changes  INTEGER NOT NULL,
  PRIMARY KEY (hour, host_id, source_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE put_hours (
  hour      INTEGER NOT NULL,
  host_id   INTEGER NOT NULL REFERENCES hosts (id),
  status    INTEGER NOT NULL,
  source_id INTEGER NOT NULL REFERENCES sources (id),
  puts      INTEGER NOT NULL,
  PRIMARY KEY (hour, host_id, status, source_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE rejection_hours (
  hour       INTEGER NOT NULL,
  host_id    INTEGER NOT NULL REFERENCES hosts (id),
  reason     TEXT NOT NULL,
  source_id  INTEGER NOT NULL REFERENCES sources (id),
  rejections INTEGER NOT NULL,
  PRIMARY KEY (hour, host_id, reason, source_id)
) STRICT, WITHOUT ROWID;

-- Where each source was read to. state is the reader's own JSON; newest_at is
-- the newest fact read that was not ahead of the clock, NULL before the first.
CREATE TABLE cursors (
  source_id INTEGER PRIMARY KEY REFERENCES sources (id),
  state     TEXT NOT NULL,
  newest_at INTEGER,
  moved_at  INTEGER NOT NULL
) STRICT;

-- A window in which we know that we were blind. recovered_at is set when a
-- later pass read what the window hid.
CREATE TABLE gaps (
  source_id    INTEGER NOT NULL REFERENCES sources (id),
  reason       TEXT NOT NULL,
  from_at      INTEGER NOT NULL,
  to_at        INTEGER NOT NULL,
  detail       TEXT NOT NULL,
  recovered_at INTEGER,
  PRIMARY KEY (source_id, reason, from_at)
) STRICT, WITHOUT ROWID;

-- What could not be read as a fact: a bounded number of samples for each
-- reason, and the count of all.
CREATE TABLE quarantine (
  source_id INTEGER NOT NULL REFERENCES sources (id),
  reason    TEXT NOT NULL,
  position  INTEGER NOT NULL,
  line_hash INTEGER NOT NULL,
  length    INTEGER NOT NULL,
  head      BLOB NOT NULL,
  seen_at   INTEGER NOT NULL,
  PRIMARY KEY (source_id, reason, position, line_hash)
) STRICT, WITHOUT ROWID;

CREATE TABLE quarantine_counts (
  source_id INTEGER NOT NULL REFERENCES sources (id),
  reason    TEXT NOT NULL,
  lines     INTEGER NOT NULL,
  PRIMARY KEY (source_id, reason)
) STRICT, WITHOUT ROWID;

-- One row a pass. as_of is the time that the detectors evaluated; outcome is
-- NULL while the pass runs, and stays so if it was killed.
CREATE TABLE passes (
  id              INTEGER PRIMARY KEY,
  started_at      INTEGER NOT NULL,
  as_of           INTEGER NOT NULL,
  finished_at     INTEGER,
  outcome         TEXT,
  error           TEXT,
  index_rows      INTEGER NOT NULL DEFAULT 0,
  journal_entries INTEGER NOT NULL DEFAULT 0,
  quarantined     INTEGER NOT NULL DEFAULT 0,
  hosts           INTEGER NOT NULL DEFAULT 0,
  new_alerts      INTEGER NOT NULL DEFAULT 0,
  checked         INTEGER NOT NULL DEFAULT 0
) STRICT;

-- pass_id is NULL for an alert that was adopted from an alerts file.
-- last_found_at is when the symptom was last found under this key.
CREATE TABLE alerts (
  id            INTEGER PRIMARY KEY,
  dedup_key     TEXT NOT NULL UNIQUE,
  host          TEXT NOT NULL,
  symptom       TEXT NOT NULL,
  detail        TEXT NOT NULL,
  suggested_fix TEXT NOT NULL,
  detected_at   INTEGER NOT NULL,
  last_found_at INTEGER NOT NULL,
  exported_at   INTEGER,
  pass_id       INTEGER REFERENCES passes (id)
) STRICT;

CREATE INDEX alerts_not_exported ON alerts (id) WHERE exported_at IS NULL;

CREATE INDEX alerts_by_host ON alerts (host, symptom, last_found_at);

-- When each detector last looked. A symptom is open if it was found then.
CREATE TABLE detectors (
  symptom      TEXT PRIMARY KEY,
  evaluated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
