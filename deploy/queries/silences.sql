-- The longest silences between two ships of a host.
-- :since is a UTC time like 2026-05-01T10:00:00Z; without it, the last 24 hours.
WITH ordered AS (
  SELECT
    host,
    received_at AS silent_from,
    LEAD(received_at) OVER (PARTITION BY host ORDER BY received_at) AS silent_to
  FROM ship_log
  WHERE received_at_us >= unixepoch(COALESCE(:since, datetime('now', '-1 day'))) * 1000000
)
SELECT
  host,
  silent_from,
  silent_to,
  CAST(ROUND((julianday(silent_to) - julianday(silent_from)) * 1440) AS INTEGER) AS minutes
FROM ordered
WHERE silent_to IS NOT NULL
ORDER BY minutes DESC, host
LIMIT 20;
