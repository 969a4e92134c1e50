-- What the receiver says: the states of its unit, from PID 1, and its own errors.

-- +goose Up

-- One change of the receiver's unit, as PID 1 logged it. detail is the message.
-- A minute keeps the first 20 and the newest one.
CREATE TABLE unit_states (
  at          INTEGER NOT NULL,
  cursor_hash INTEGER NOT NULL,
  source_id   INTEGER NOT NULL,
  state       TEXT NOT NULL,
  detail      TEXT NOT NULL,
  PRIMARY KEY (at, cursor_hash)
) STRICT, WITHOUT ROWID;

-- A text of the receiver's errors in an hour. errors counts its rows in
-- receiver_errors; first_at and last_at are the times of the first and the last.
-- All of them lie in one hour.
CREATE TABLE error_texts (
  id        INTEGER PRIMARY KEY,
  source_id INTEGER NOT NULL,
  kind      TEXT NOT NULL,
  text      TEXT NOT NULL,
  errors    INTEGER NOT NULL,
  first_at  INTEGER NOT NULL,
  last_at   INTEGER NOT NULL
) STRICT;

CREATE INDEX error_texts_by_time ON error_texts (first_at);

-- One error line of the receiver, or one traceback. A minute keeps 60 of a kind.
CREATE TABLE receiver_errors (
  at          INTEGER NOT NULL,
  cursor_hash INTEGER NOT NULL,
  text_id     INTEGER NOT NULL,
  PRIMARY KEY (at, cursor_hash)
) STRICT, WITHOUT ROWID;

-- kind is a state of the unit, or error or traceback. Each state has a row; each
-- text of the errors has one row an hour.
CREATE VIEW receiver_log AS
SELECT
  strftime('%Y-%m-%dT%H:%M:%S', w.at / 1000000, 'unixepoch')
    || printf('.%06dZ', w.at % 1000000) AS at,
  w.kind AS kind,
  w.text AS text,
  w.count AS count,
  strftime('%Y-%m-%dT%H:%M:%S', w.last_at / 1000000, 'unixepoch')
    || printf('.%06dZ', w.last_at % 1000000) AS last_at,
  w.at AS at_us,
  w.last_at AS last_at_us
FROM (
  SELECT at, state AS kind, detail AS text, 1 AS count, at AS last_at
  FROM unit_states
  UNION ALL
  SELECT first_at, kind, text, errors, last_at
  FROM error_texts
) AS w;
