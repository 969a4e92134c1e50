-- What changed? From an hour before :since to :until, in order: hosts that are
-- new, that fail (with each status code), that ship from another code commit, that
-- do not ship for half an hour; alerts; passes that did not go well; gaps; lines
-- that could not be read.
-- UTC times like 2026-05-01T10:00:00Z; without them, the last 25 hours.
WITH RECURSIVE asked AS MATERIALIZED (
  SELECT
    (unixepoch(COALESCE(:since, datetime('now', '-1 day'))) - 3600) * 1000000 AS from_us,
    unixepoch(COALESCE(:until, 'now')) * 1000000 AS to_us,
    strftime('%Y-%m-%dT%H:%M:%S', COALESCE(:since, datetime('now', '-1 day')), '-1 hour') AS from_text,
    strftime('%Y-%m-%dT%H:%M:%SZ', COALESCE(:until, 'now')) AS to_text
),
-- From the last hour before that in which any host has shipped backward, over such
-- hours alone, to one in which this host has.
back (host_id, first_hour, hour) AS (
  SELECT
    id,
    first_seen_at / 3600000000,
    (SELECT MAX(hour) FROM ship_hours WHERE hour >= first_seen_at / 3600000000 AND hour < from_us / 3600000000)
  FROM asked
  JOIN hosts ON last_ship_at >= from_us
  UNION ALL
  SELECT
    host_id,
    first_hour,
    (SELECT MAX(s.hour) FROM ship_hours AS s WHERE s.hour >= b.first_hour AND s.hour < b.hour)
  FROM back AS b
  WHERE hour > first_hour
    AND NOT EXISTS (SELECT 1 FROM ship_hours AS s WHERE s.hour = b.hour AND s.host_id = b.host_id)
),
shipped AS (
  SELECT
    s.last_at AS received_at_us,
    h.name AS host,
    c.name AS code_commit
  FROM back AS b
  CROSS JOIN ship_hours AS s ON s.hour = b.hour AND s.host_id = b.host_id
  JOIN hosts AS h ON h.id = b.host_id
  LEFT JOIN code_commits AS c ON c.id = s.last_commit_id
  UNION ALL
  SELECT
    received_at_us,
    host,
    code_commit
  FROM ship_log
  WHERE received_at_us >= (SELECT from_us / 3600000000 * 3600000000 FROM asked)
    AND received_at_us <= (SELECT to_us FROM asked)
),
ordered AS (
  SELECT
    received_at_us,
    host,
    code_commit,
    LAG(code_commit, 1, code_commit) OVER host_order AS commit_before,
    LEAD(received_at_us) OVER host_order AS next_us
  FROM shipped
  WINDOW host_order AS (PARTITION BY host ORDER BY received_at_us)
),
-- Ships that changed something: their host's commit, or that none came for half
-- an hour. A host that has not come back counts up to the last pass.
turns AS MATERIALIZED (
  SELECT
    strftime('%Y-%m-%dT%H:%M:%S', received_at_us / 1000000, 'unixepoch')
      || printf('.%06dZ', received_at_us % 1000000) AS at,
    host,
    code_commit,
    commit_before,
    strftime('%Y-%m-%dT%H:%M:%S', next_us / 1000000, 'unixepoch')
      || printf('.%06dZ', next_us % 1000000) AS next_at,
    (COALESCE(next_us, MIN(to_us, read_us)) - received_at_us) / 60000000 AS minutes
  FROM ordered
  CROSS JOIN asked
  CROSS JOIN (
    SELECT unixepoch(MAX(started_at)) * 1000000 AS read_us
    FROM pass_log
    WHERE outcome IN ('ok', 'unread')
  )
  WHERE code_commit IS NOT commit_before
    OR COALESCE(next_us, MIN(to_us, read_us)) - received_at_us >= 30 * 60000000
),
changes AS (
  SELECT
    first_seen_at AS at,
    'new host' AS what,
    host,
    '' AS detail
  FROM host_status
  UNION ALL
  SELECT
    MIN(at),
    'failing',
    host,
    printf('%d × %d, the last at %s', COUNT(*), status, MAX(at))
  FROM put_log
  WHERE status >= 400
    AND at_us >= (SELECT from_us FROM asked)
    AND at_us <= (SELECT to_us FROM asked)
  GROUP BY host, status
  UNION ALL
  SELECT
    at,
    'commit',
    host,
    printf('%s, before %s', COALESCE(code_commit, 'none'), COALESCE(commit_before, 'none'))
  FROM turns
  WHERE code_commit IS NOT commit_before
  UNION ALL
  SELECT
    at,
    'silent',
    host,
    printf('for %d min, ', minutes) || COALESCE('until ' || next_at, 'and not back by then')
  FROM turns
  WHERE minutes >= 30
  UNION ALL
  SELECT
    detected_at,
    'alert',
    host,
    symptom || ': ' || detail
  FROM alert_log
  UNION ALL
  SELECT
    started_at,
    'pass',
    '',
    outcome || ': ' || COALESCE(error, '')
  FROM pass_log
  WHERE outcome <> 'ok'
  UNION ALL
  SELECT
    from_at,
    'gap',
    '',
    printf('%s %s, until %s: %s', source, reason, to_at, detail)
  FROM gap_log
  UNION ALL
  SELECT
    MIN(seen_at),
    'quarantine',
    '',
    printf('%s %s: %d line(s) or more', source, reason, COUNT(*))
  FROM quarantine_log
  WHERE seen_at >= (SELECT from_text FROM asked)
  GROUP BY source, reason
)
SELECT
  at,
  what,
  host,
  detail
FROM changes
WHERE at >= (SELECT from_text FROM asked)
  AND at <= (SELECT to_text FROM asked)
ORDER BY at, what, host, detail;
