-- How many PUTs got which status code in each hour, and from how many hosts?
-- From :since to :until, UTC times like 2026-05-01T10:00:00Z; without them, the last 24 hours.
SELECT
  strftime('%Y-%m-%dT%H:00:00Z', at_us / 3600000000 * 3600, 'unixepoch') AS hour,
  status,
  COUNT(*) AS puts,
  COUNT(DISTINCT host) AS hosts
FROM put_log
WHERE at_us >= unixepoch(COALESCE(:since, datetime('now', '-1 day'))) * 1000000
  AND at_us <= unixepoch(COALESCE(:until, 'now')) * 1000000
GROUP BY at_us / 3600000000, status
ORDER BY hour, status;
