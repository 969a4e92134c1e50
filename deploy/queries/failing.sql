-- Which hosts are failing, with which status codes, and since when?
-- From :since to :until, UTC times like 2026-05-01T10:00:00Z; without them, the last 24 hours.
SELECT
  host,
  status,
  COUNT(*) AS puts,
  MIN(at) AS first_at,
  MAX(at) AS last_at
FROM put_log
WHERE status >= 400
  AND at_us >= unixepoch(COALESCE(:since, datetime('now', '-1 day'))) * 1000000
  AND at_us <= unixepoch(COALESCE(:until, 'now')) * 1000000
GROUP BY host, status
ORDER BY puts DESC, host, status;
