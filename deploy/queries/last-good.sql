-- Of the hosts that got no 2xx since a failure: when was the last good PUT, when
-- did the failing begin, and how many PUTs have failed since?
-- :since is a UTC time like 2026-05-01T10:00:00Z; without it, the last 24 hours.
WITH recent AS (
  SELECT
    host,
    at,
    status
  FROM put_log
  WHERE at_us >= unixepoch(COALESCE(:since, datetime('now', '-1 day'))) * 1000000
),
good AS (
  SELECT
    host,
    MAX(at) FILTER (WHERE status BETWEEN 200 AND 299) AS last_good_at
  FROM recent
  GROUP BY host
)
SELECT
  good.host AS host,
  good.last_good_at AS last_good_at,
  MIN(recent.at) AS failing_since,
  COUNT(*) AS failed
FROM good
JOIN recent
  ON recent.host = good.host
  AND recent.status >= 400
  AND recent.at > COALESCE(good.last_good_at, '')
GROUP BY good.host
ORDER BY failing_since, host;
