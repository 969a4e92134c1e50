-- Which hosts have had no good PUT since their last failure? When the last good one
-- was, when the failing began, and how many have failed since. Of one without a
-- good PUT in that time, failing_since says before when it began: look further back.
-- From :since to :until, UTC times like 2026-05-01T10:00:00Z; without them, the last 24 hours.
WITH recent AS (
  SELECT
    host,
    at_us,
    status,
    MAX(at_us) FILTER (WHERE status BETWEEN 200 AND 299) OVER (PARTITION BY host) AS good_us
  FROM put_log
  WHERE at_us >= unixepoch(COALESCE(:since, datetime('now', '-1 day'))) * 1000000
    AND at_us <= unixepoch(COALESCE(:until, 'now')) * 1000000
)
SELECT
  host,
  strftime('%Y-%m-%dT%H:%M:%S', good_us / 1000000, 'unixepoch')
    || printf('.%06dZ', good_us % 1000000) AS last_good_at,
  CASE WHEN good_us IS NULL THEN 'before ' ELSE '' END
    || strftime('%Y-%m-%dT%H:%M:%S', MIN(at_us) / 1000000, 'unixepoch')
    || printf('.%06dZ', MIN(at_us) % 1000000) AS failing_since,
  COUNT(*) AS failed
FROM recent
WHERE status >= 400
  AND at_us > COALESCE(good_us, 0)
GROUP BY host
ORDER BY MIN(at_us), host;
