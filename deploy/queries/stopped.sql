-- Have hosts stopped together? Of those that shipped, but not in the half hour
-- before :until: how many shipped last in which ten minutes, and which, if they are
-- few. Many in the same ones speak for the receiver or the network.
-- From :since to :until, UTC times like 2026-05-01T10:00:00Z; without them, the last 24 hours.
WITH last AS (
  SELECT
    host,
    MAX(received_at_us) / 600000000 AS ten_minutes
  FROM ship_log
  WHERE received_at_us >= unixepoch(COALESCE(:since, datetime('now', '-1 day'))) * 1000000
    AND received_at_us <= unixepoch(COALESCE(:until, 'now')) * 1000000
  GROUP BY host
  HAVING MAX(received_at_us) < (unixepoch(COALESCE(:until, 'now')) - 1800) * 1000000
)
SELECT
  strftime('%Y-%m-%dT%H:%M:00Z', ten_minutes * 600, 'unixepoch') AS ten_minutes_from,
  COUNT(*) AS hosts,
  CASE WHEN COUNT(*) <= 5 THEN group_concat(host, ' ') END AS which
FROM (
  SELECT
    ten_minutes,
    host
  FROM last
  ORDER BY ten_minutes, host
)
GROUP BY ten_minutes
ORDER BY ten_minutes DESC;
