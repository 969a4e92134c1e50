-- What changed? From an hour before :since to :until, in order: hosts that are
-- new, that fail (with each status code), that ship from another code commit;
-- alerts; passes that did not go well; gaps; lines that could not be read.
-- UTC times like 2026-05-01T10:00:00Z; without them, the last 25 hours.
WITH asked AS MATERIALIZED (
  SELECT
    (unixepoch(COALESCE(:since, datetime('now', '-1 day'))) - 3600) * 1000000 AS from_us,
    unixepoch(COALESCE(:until, 'now')) * 1000000 AS to_us,
    strftime('%Y-%m-%dT%H:%M:%S', COALESCE(:since, datetime('now', '-1 day')), '-1 hour') AS from_text,
    strftime('%Y-%m-%dT%H:%M:%SZ', COALESCE(:until, 'now')) AS to_text
),
shipped AS (
  SELECT
    received_at_us,
    host,
    code_commit,
    LAG(code_commit, 1, code_commit) OVER (PARTITION BY host ORDER BY received_at_us) AS commit_before
  FROM ship_log
  WHERE received_at_us >= (SELECT from_us FROM asked)
    AND received_at_us <= (SELECT to_us FROM asked)
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
    strftime('%Y-%m-%dT%H:%M:%S', received_at_us / 1000000, 'unixepoch')
      || printf('.%06dZ', received_at_us % 1000000),
    'commit',
    host,
    printf('%s, before %s', COALESCE(code_commit, 'none'), COALESCE(commit_before, 'none'))
  FROM shipped
  WHERE code_commit IS NOT commit_before
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
