-- The public interface for ad-hoc SQL: views with text times, which keep their
-- columns when the tables change. Nothing here needs more than SQLite 3.40.
-- A condition on a text time reads every row; one on its *_us, which is the same
-- in microseconds since 1970, reads those of the time that is asked for.

-- +goose Up

CREATE VIEW ship_log AS
SELECT
  strftime('%Y-%m-%dT%H:%M:%S', s.received_at / 1000000, 'unixepoch')
    || printf('.%06dZ', s.received_at % 1000000) AS received_at,
  h.name AS host,
  c.name AS code_commit,
  s.received_at AS received_at_us
FROM ships AS s
JOIN series AS r ON r.id = s.series_id
JOIN hosts AS h ON h.id = r.host_id
LEFT JOIN code_commits AS c ON c.id = r.code_commit_id;

CREATE VIEW put_log AS
SELECT
  strftime('%Y-%m-%dT%H:%M:%S', p.at / 1000000, 'unixepoch')
    || printf('.%06dZ', p.at % 1000000) AS at,
  h.name AS host,
  p.status AS status,
  p.at AS at_us
FROM puts AS p
JOIN hosts AS h ON h.id = p.host_id;

CREATE VIEW rejection_log AS
SELECT
  strftime('%Y-%m-%dT%H:%M:%S', r.at / 1000000, 'unixepoch')
    || printf('.%06dZ', r.at % 1000000) AS at,
  h.name AS host,
  r.reason AS reason,
  r.message AS message,
  r.at AS at_us
FROM rejections AS r
JOIN hosts AS h ON h.id = r.host_id;

CREATE VIEW host_hourly AS
SELECT
  strftime('%Y-%m-%dT%H:00:00Z', f.hour * 3600, 'unixepoch') AS hour,
  h.name AS host,
  SUM(f.ships) AS ships,
  SUM(f.puts_2xx) AS puts_2xx,
  SUM(f.puts_4xx) AS puts_4xx,
  SUM(f.puts_5xx) AS puts_5xx,
  SUM(f.unstamped) AS unstamped
FROM (
  SELECT hour, host_id, ships, 0 AS puts_2xx, 0 AS puts_4xx, 0 AS puts_5xx, 0 AS unstamped
  FROM ship_hours
  UNION ALL
  SELECT
    hour,
    host_id,
    0,
    CASE WHEN status BETWEEN 200 AND 299 THEN puts ELSE 0 END,
    CASE WHEN status BETWEEN 400 AND 499 THEN puts ELSE 0 END,
    CASE WHEN status BETWEEN 500 AND 599 THEN puts ELSE 0 END,
    0
  FROM put_hours
  UNION ALL
  SELECT hour, host_id, 0, 0, 0, 0, CASE WHEN reason = 'unstamped' THEN rejections ELSE 0 END
  FROM rejection_hours
) AS f
JOIN hosts AS h ON h.id = f.host_id
GROUP BY f.hour, f.host_id;

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
      SELECT DISTINCT a.symptom
      FROM detectors AS d
      -- CROSS keeps the order: the three detectors, then the host's alert found then.
      CROSS JOIN alerts AS a ON a.host = h.name AND a.symptom = d.symptom AND a.last_found_at = d.evaluated_at
      ORDER BY a.symptom
    )
  ) AS open_symptoms
FROM hosts AS h;

CREATE VIEW alert_log AS
SELECT
  strftime('%Y-%m-%dT%H:%M:%S', a.detected_at / 1000000, 'unixepoch')
    || printf('.%06dZ', a.detected_at % 1000000) AS detected_at,
  a.host AS host,
  a.symptom AS symptom,
  a.detail AS detail,
  a.suggested_fix AS suggested_fix,
  a.dedup_key AS dedup_key,
  strftime('%Y-%m-%dT%H:%M:%S', a.exported_at / 1000000, 'unixepoch')
    || printf('.%06dZ', a.exported_at % 1000000) AS exported_at
FROM alerts AS a;

CREATE VIEW gap_log AS
SELECT
  s.stream AS source,
  strftime('%Y-%m-%dT%H:%M:%S', g.from_at / 1000000, 'unixepoch')
    || printf('.%06dZ', g.from_at % 1000000) AS from_at,
  strftime('%Y-%m-%dT%H:%M:%S', g.to_at / 1000000, 'unixepoch')
    || printf('.%06dZ', g.to_at % 1000000) AS to_at,
  g.reason AS reason,
  g.detail AS detail,
  strftime('%Y-%m-%dT%H:%M:%S', g.recovered_at / 1000000, 'unixepoch')
    || printf('.%06dZ', g.recovered_at % 1000000) AS recovered_at
FROM gaps AS g
JOIN sources AS s ON s.id = g.source_id;

CREATE VIEW pass_log AS
SELECT
  strftime('%Y-%m-%dT%H:%M:%S', p.started_at / 1000000, 'unixepoch')
    || printf('.%06dZ', p.started_at % 1000000) AS started_at,
  strftime('%Y-%m-%dT%H:%M:%S', p.finished_at / 1000000, 'unixepoch')
    || printf('.%06dZ', p.finished_at % 1000000) AS finished_at,
  COALESCE(p.outcome, 'unfinished') AS outcome,
  p.error AS error,
  p.index_rows AS index_rows,
  p.journal_entries AS journal_entries,
  p.quarantined AS quarantined,
  p.hosts AS hosts,
  p.new_alerts AS new_alerts
FROM passes AS p;

-- head_hex is the beginning of the line in hexadecimal: its bytes may be
-- anything. lines counts all lines of the reason, of which samples are kept.
CREATE VIEW quarantine_log AS
SELECT
  strftime('%Y-%m-%dT%H:%M:%S', q.seen_at / 1000000, 'unixepoch')
    || printf('.%06dZ', q.seen_at % 1000000) AS seen_at,
  s.stream AS source,
  q.reason AS reason,
  q.position AS position,
  q.length AS length,
  hex(q.head) AS head_hex,
  c.lines AS lines
FROM quarantine AS q
JOIN quarantine_counts AS c ON c.source_id = q.source_id AND c.reason = q.reason
JOIN sources AS s ON s.id = q.source_id;
