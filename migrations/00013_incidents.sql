-- Incidents: troubles that have a start and an end, and the facts that their detectors need.

-- +goose Up

-- What the PUTs of a host say now. last_accepted_at is its last PUT with a 2xx status,
-- last_failed_at its last one with a 4xx or 5xx. The next five describe the PUTs that
-- failed since the last accepted one: the times of the first, and of the first 4xx, their
-- numbers by class, and the status of the last. recent_answers has the last 20 PUTs as
-- bits, the newest lowest: 1 is a failed PUT. The highest bit that is set only marks the
-- start. folded_at is the time of the newest PUT in all this.
ALTER TABLE hosts ADD COLUMN last_accepted_at INTEGER;

ALTER TABLE hosts ADD COLUMN last_failed_at INTEGER;

ALTER TABLE hosts ADD COLUMN failing_since INTEGER;

ALTER TABLE hosts ADD COLUMN first_4xx_at INTEGER;

ALTER TABLE hosts ADD COLUMN failed_4xx INTEGER NOT NULL DEFAULT 0;

ALTER TABLE hosts ADD COLUMN failed_5xx INTEGER NOT NULL DEFAULT 0;

ALTER TABLE hosts ADD COLUMN failed_status INTEGER NOT NULL DEFAULT 0;

ALTER TABLE hosts ADD COLUMN recent_answers INTEGER NOT NULL DEFAULT 1;

ALTER TABLE hosts ADD COLUMN folded_at INTEGER;

-- 1 while a PUT is stored that is older than folded_at and is not in the columns above.
ALTER TABLE hosts ADD COLUMN unfolded INTEGER NOT NULL DEFAULT 0;

-- A silence counts from this time at the earliest: the end of what kept all hosts from
-- shipping.
ALTER TABLE hosts ADD COLUMN expected_from INTEGER;

-- Nothing is said about the host until this time.
ALTER TABLE hosts ADD COLUMN muted_until INTEGER;

-- The rhythm of a host, learnt from the rollups. Ships are in thousandths. week is what it
-- ships in a week. silence_limit is the longest silence that is normal, in ships that
-- should have come, and 0 for a host that has shipped on less than three days: it has no
-- row in rhythm_hours.
CREATE TABLE rhythms (
  host_id       INTEGER PRIMARY KEY REFERENCES hosts (id),
  learnt_at     INTEGER NOT NULL,
  days          INTEGER NOT NULL,
  week          INTEGER NOT NULL,
  silence_limit INTEGER NOT NULL
) STRICT;

-- slot is the hour of the week, from Monday 00:00 UTC: 0 to 167. rate is what the host
-- ships in that hour, before what it ships in the week up to that hour.
CREATE TABLE rhythm_hours (
  host_id INTEGER NOT NULL REFERENCES rhythms (host_id),
  slot    INTEGER NOT NULL,
  rate    INTEGER NOT NULL,
  before  INTEGER NOT NULL,
  PRIMARY KEY (host_id, slot)
) STRICT, WITHOUT ROWID;

-- One trouble of one subject: a host, '(group)' or '(receiver)'. began_at is the time of
-- the first fact of the trouble, opened_at the time as of which a pass found it,
-- last_found_at when it was found last. clear_at is when it was first not found again,
-- NULL while it is found. lost_at is when the host crossed the lookback. resolved_at is
-- NULL while the incident is open; resolution is recovered, retired or explained.
-- said_at is when it was last said, NULL if never. query is the detector that found it.
CREATE TABLE incidents (
  id            INTEGER PRIMARY KEY,
  subject       TEXT NOT NULL,
  symptom       TEXT NOT NULL,
  began_at      INTEGER NOT NULL,
  opened_at     INTEGER NOT NULL,
  last_found_at INTEGER NOT NULL,
  clear_at      INTEGER,
  lost_at       INTEGER,
  resolved_at   INTEGER,
  resolution    TEXT,
  explained_by  INTEGER REFERENCES incidents (id),
  said_at       INTEGER,
  repeated_at   INTEGER,
  detail        TEXT NOT NULL,
  figure        INTEGER NOT NULL,
  worst_figure  INTEGER NOT NULL,
  worst_detail  TEXT NOT NULL,
  fix           TEXT NOT NULL,
  query         TEXT NOT NULL,
  acked_at      INTEGER,
  acked_until   INTEGER
) STRICT;

CREATE INDEX incidents_open ON incidents (subject) WHERE resolved_at IS NULL;

CREATE INDEX incidents_resolved ON incidents (resolved_at) WHERE resolved_at IS NOT NULL;

-- The hosts of an incident of '(group)' or '(receiver)'.
CREATE TABLE incident_hosts (
  incident_id INTEGER NOT NULL REFERENCES incidents (id),
  host        TEXT NOT NULL,
  joined_at   INTEGER NOT NULL,
  PRIMARY KEY (incident_id, host)
) STRICT, WITHOUT ROWID;

-- What happened to an incident: opened, repeated, lost, acknowledged or resolved. at is the
-- time as of which the pass judged.
CREATE TABLE incident_events (
  id           INTEGER PRIMARY KEY,
  at           INTEGER NOT NULL,
  incident_id  INTEGER NOT NULL REFERENCES incidents (id),
  event        TEXT NOT NULL,
  symptom      TEXT NOT NULL,
  said         INTEGER NOT NULL,
  detail       TEXT NOT NULL,
  explained_by INTEGER
) STRICT;

CREATE INDEX incident_events_by_time ON incident_events (at);

CREATE INDEX incident_events_by_incident ON incident_events (incident_id);

-- What operators did: ack, unack, mute, unmute, retire or unretire. incident_id is NULL and host
-- a name, or the other way round.
CREATE TABLE operator_acts (
  id          INTEGER PRIMARY KEY,
  at          INTEGER NOT NULL,
  act         TEXT NOT NULL,
  incident_id INTEGER,
  host        TEXT,
  until_at    INTEGER,
  who         TEXT NOT NULL,
  note        TEXT NOT NULL
) STRICT;

-- The parameters of the detectors in the last pass, by their names in the queries.
CREATE TABLE thresholds (
  name  TEXT PRIMARY KEY,
  value ANY NOT NULL
) STRICT, WITHOUT ROWID;

CREATE VIEW incident_log AS
SELECT
  i.id AS id,
  strftime('%Y-%m-%dT%H:%M:%S', i.began_at / 1000000, 'unixepoch')
    || printf('.%06dZ', i.began_at % 1000000) AS began_at,
  strftime('%Y-%m-%dT%H:%M:%S', i.opened_at / 1000000, 'unixepoch')
    || printf('.%06dZ', i.opened_at % 1000000) AS opened_at,
  strftime('%Y-%m-%dT%H:%M:%S', i.last_found_at / 1000000, 'unixepoch')
    || printf('.%06dZ', i.last_found_at % 1000000) AS last_found_at,
  strftime('%Y-%m-%dT%H:%M:%S', i.lost_at / 1000000, 'unixepoch')
    || printf('.%06dZ', i.lost_at % 1000000) AS lost_at,
  strftime('%Y-%m-%dT%H:%M:%S', i.resolved_at / 1000000, 'unixepoch')
    || printf('.%06dZ', i.resolved_at % 1000000) AS resolved_at,
  (i.last_found_at - i.began_at) / 1000000 AS duration_s,
  i.resolved_at IS NULL AS open,
  i.resolution AS resolution,
  i.subject AS subject,
  i.symptom AS symptom,
  i.explained_by AS explained_by,
  i.said_at IS NOT NULL AS said,
  i.acked_until IS NOT NULL AS acknowledged,
  i.detail AS detail,
  i.worst_detail AS worst_detail,
  i.fix AS suggested_fix,
  i.began_at AS began_at_us,
  i.opened_at AS opened_at_us,
  i.resolved_at AS resolved_at_us
FROM incidents AS i;

-- The alerts of an incident: those of its hosts that were detected while it was open.
CREATE VIEW incident_alerts AS
SELECT
  i.id AS incident_id,
  i.subject AS subject,
  i.symptom AS incident_symptom,
  strftime('%Y-%m-%dT%H:%M:%S', a.detected_at / 1000000, 'unixepoch')
    || printf('.%06dZ', a.detected_at % 1000000) AS detected_at,
  a.host AS host,
  a.symptom AS symptom,
  a.dedup_key AS dedup_key,
  a.detail AS detail
FROM incidents AS i
JOIN (
  SELECT id AS incident_id, subject AS host
  FROM incidents
  UNION
  SELECT incident_id, host
  FROM incident_hosts
) AS h ON h.incident_id = i.id
JOIN alerts AS a
  ON a.host = h.host
  AND a.detected_at >= i.began_at
  AND a.detected_at <= COALESCE(i.resolved_at, 9223372036854775807);

CREATE VIEW operator_log AS
SELECT
  strftime('%Y-%m-%dT%H:%M:%S', o.at / 1000000, 'unixepoch')
    || printf('.%06dZ', o.at % 1000000) AS at,
  o.who AS who,
  o.act AS act,
  o.incident_id AS incident_id,
  o.host AS host,
  strftime('%Y-%m-%dT%H:%M:%S', o.until_at / 1000000, 'unixepoch')
    || printf('.%06dZ', o.until_at % 1000000) AS until_at,
  o.note AS note
FROM operator_acts AS o;

DROP VIEW host_status;

-- open_symptoms are the symptoms of the open incidents of the host itself.
CREATE VIEW host_status AS
SELECT
  h.name AS host,
  strftime('%Y-%m-%dT%H:%M:%S', h.last_ship_at / 1000000, 'unixepoch')
    || printf('.%06dZ', h.last_ship_at % 1000000) AS last_ship_at,
  strftime('%Y-%m-%dT%H:%M:%S', h.last_put_at / 1000000, 'unixepoch')
    || printf('.%06dZ', h.last_put_at % 1000000) AS last_put_at,
  strftime('%Y-%m-%dT%H:%M:%S', h.first_seen_at / 1000000, 'unixepoch')
    || printf('.%06dZ', h.first_seen_at % 1000000) AS first_seen_at,
  (
    SELECT group_concat(symptom, ' ')
    FROM (
      SELECT DISTINCT i.symptom
      FROM incidents AS i
      WHERE i.subject = h.name AND i.resolved_at IS NULL
      ORDER BY i.symptom
    )
  ) AS open_symptoms,
  strftime('%Y-%m-%dT%H:%M:%S', h.muted_until / 1000000, 'unixepoch')
    || printf('.%06dZ', h.muted_until % 1000000) AS muted_until,
  strftime('%Y-%m-%dT%H:%M:%S', h.retired_at / 1000000, 'unixepoch')
    || printf('.%06dZ', h.retired_at % 1000000) AS retired_at
FROM hosts AS h;

UPDATE hosts
SET unfolded = 1
WHERE last_put_at IS NOT NULL;
