-- What was said of incidents is delivered to sinks.

-- +goose Up

-- A place that events are sent to. url_key finds it by its URL, and label is what people see of
-- that: neither shows a secret. seed is random; with it no two sinks of any database make the
-- same delivery id. event_id is the newest event that was considered for the sink.
-- seen_at is when a run last knew the sink, to the hour. tries counts the runs that failed
-- since the last one that got through, and next_try_at is when the next one may try. pass_id
-- is the newest pass that was reported to it, 0 for none. stopped_at is the last pass that
-- succeeded, if the sink was told that passes have stopped since then.
CREATE TABLE sinks (
  id            INTEGER PRIMARY KEY,
  url_key       TEXT NOT NULL UNIQUE,
  label         TEXT NOT NULL,
  seed          TEXT NOT NULL DEFAULT (lower(hex(randomblob(16)))),
  added_at      INTEGER NOT NULL,
  event_id      INTEGER NOT NULL,
  seen_at       INTEGER NOT NULL,
  tries         INTEGER NOT NULL DEFAULT 0,
  next_try_at   INTEGER NOT NULL DEFAULT 0,
  last_ok_at    INTEGER,
  last_error_at INTEGER,
  last_error    TEXT,
  pass_id       INTEGER NOT NULL DEFAULT 0,
  stopped_at    INTEGER
) STRICT;

-- An event that a sink is told. state is waiting (never tried), sending (tried, and maybe
-- received), delivered, or given up. Events with the same message are sent as one. It is the
-- first event of the message, and 0 while the delivery waits. ended_at is when it was delivered
-- or given up.
CREATE TABLE deliveries (
  sink_id  INTEGER NOT NULL REFERENCES sinks (id),
  event_id INTEGER NOT NULL REFERENCES incident_events (id),
  added_at INTEGER NOT NULL,
  state    TEXT NOT NULL DEFAULT 'waiting',
  message  INTEGER NOT NULL DEFAULT 0,
  tries    INTEGER NOT NULL DEFAULT 0,
  error    TEXT,
  ended_at INTEGER,
  PRIMARY KEY (sink_id, event_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX deliveries_by_event ON deliveries (event_id);

CREATE INDEX deliveries_open ON deliveries (sink_id, event_id) WHERE ended_at IS NULL;

CREATE VIEW delivery_log AS
SELECT
  strftime('%Y-%m-%dT%H:%M:%S', e.at / 1000000, 'unixepoch')
    || printf('.%06dZ', e.at % 1000000) AS at,
  s.label AS sink,
  e.event AS event,
  e.incident_id AS incident_id,
  i.subject AS subject,
  e.symptom AS symptom,
  d.state AS state,
  d.tries AS tries,
  d.error AS error,
  strftime('%Y-%m-%dT%H:%M:%S', d.ended_at / 1000000, 'unixepoch')
    || printf('.%06dZ', d.ended_at % 1000000) AS ended_at
FROM deliveries AS d
JOIN sinks AS s ON s.id = d.sink_id
JOIN incident_events AS e ON e.id = d.event_id
JOIN incidents AS i ON i.id = e.incident_id;
