-- Limits by size: what a flood brings is counted, and no longer stored line by line.

-- +goose Up

-- What the receiver said when it rejected PUTs: one row for each text that it
-- used for a host in an hour. rejections counts all that had it, first_at and
-- last_at are the times of the first and the last of them.
CREATE TABLE messages (
  id         INTEGER PRIMARY KEY,
  hour       INTEGER NOT NULL,
  host_id    INTEGER NOT NULL,
  reason     TEXT NOT NULL,
  source_id  INTEGER NOT NULL,
  text       TEXT NOT NULL,
  rejections INTEGER NOT NULL,
  first_at   INTEGER NOT NULL,
  last_at    INTEGER NOT NULL
) STRICT;

INSERT INTO messages (hour, host_id, reason, source_id, text, rejections, first_at, last_at)
SELECT
  at / 3600000000,
  host_id,
  reason,
  source_id,
  message,
  COUNT(*),
  MIN(at),
  MAX(at)
FROM rejections
GROUP BY at / 3600000000, host_id, reason, source_id, message;

-- One WARNING of the receiver about a host's PUT.
CREATE TABLE new_rejections (
  at          INTEGER NOT NULL,
  cursor_hash INTEGER NOT NULL,
  message_id  INTEGER NOT NULL,
  PRIMARY KEY (at, cursor_hash)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX migrated_messages ON messages (hour, host_id, reason, source_id, text);

INSERT INTO new_rejections (at, cursor_hash, message_id)
SELECT
  r.at,
  r.cursor_hash,
  m.id
FROM rejections AS r
JOIN messages AS m
  ON m.hour = r.at / 3600000000
  AND m.host_id = r.host_id
  AND m.reason = r.reason
  AND m.source_id = r.source_id
  AND m.text = r.message
ORDER BY r.at, r.cursor_hash;

DROP INDEX migrated_messages;

DROP VIEW rejection_log;

DROP TABLE rejections;

ALTER TABLE new_rejections RENAME TO rejections;

CREATE INDEX messages_by_hour ON messages (hour, host_id, reason, source_id);

CREATE VIEW rejection_log AS
SELECT
  strftime('%Y-%m-%dT%H:%M:%S', r.at / 1000000, 'unixepoch')
    || printf('.%06dZ', r.at % 1000000) AS at,
  h.name AS host,
  m.reason AS reason,
  m.text AS message,
  r.at AS at_us
FROM rejections AS r
JOIN messages AS m ON m.id = r.message_id
JOIN hosts AS h ON h.id = m.host_id;

-- PUTs and rejections beyond the quota of a minute: counted, here and in the
-- rollups, and not stored. kind is the status of PUTs and the reason of
-- rejections. Those up to last_at are known: read again, they do not count.
CREATE TABLE surplus (
  minute    INTEGER NOT NULL,
  host_id   INTEGER NOT NULL,
  kind      ANY NOT NULL,
  source_id INTEGER NOT NULL,
  facts     INTEGER NOT NULL,
  last_at   INTEGER NOT NULL,
  PRIMARY KEY (minute, host_id, kind, source_id)
) STRICT, WITHOUT ROWID;

-- kind is a status as text, or a reason.
CREATE VIEW surplus_log AS
SELECT
  strftime('%Y-%m-%dT%H:%M:00Z', s.minute * 60, 'unixepoch') AS minute,
  h.name AS host,
  CAST(s.kind AS TEXT) AS kind,
  s.facts AS facts,
  s.minute * 60000000 AS minute_us
FROM surplus AS s
JOIN hosts AS h ON h.id = s.host_id;

-- When a host last had any fact, as far as the clock had come by then. A name
-- that has never shipped makes room for another when that was long ago.
ALTER TABLE hosts ADD COLUMN last_word_at INTEGER;

UPDATE hosts
SET last_word_at = MAX(COALESCE(last_ship_at, 0), COALESCE(last_put_at, 0));

UPDATE hosts
SET last_word_at = MAX(last_word_at, said.at)
FROM (SELECT host_id, MAX(last_at) AS at FROM messages GROUP BY host_id) AS said
WHERE said.host_id = hosts.id;

-- The first and the last day, in days since 1970, of which a series has ships:
-- once those are pruned, it may go. Of a series that is older than this column,
-- they are the widest that they can be.
ALTER TABLE series ADD COLUMN first_day INTEGER NOT NULL DEFAULT 0;

ALTER TABLE series ADD COLUMN last_day INTEGER NOT NULL DEFAULT 0;

UPDATE series
SET
  first_day = (SELECT first_seen_at FROM hosts WHERE id = host_id) / 86400000000,
  last_day = (SELECT COALESCE(MAX(received_at), 0) FROM ships) / 86400000000;

CREATE INDEX series_by_day ON series (last_day);

CREATE INDEX series_by_commit ON series (code_commit_id);

-- How many entries the source says that it dropped in a gap, 0 if it does not.
ALTER TABLE gaps ADD COLUMN dropped INTEGER NOT NULL DEFAULT 0;
