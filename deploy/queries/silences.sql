-- Silences of half an hour and more that a host has ended, or not yet: then
-- silent_to is empty, and the minutes are up to the newest ship of all.
-- :since is a UTC time like 2026-05-01T10:00:00Z; without it, the last 24 hours.
WITH ordered AS (
  SELECT
    host,
    received_at AS silent_from,
    LEAD(received_at) OVER (PARTITION BY host ORDER BY received_at) AS silent_to
  FROM ship_log
  WHERE received_at_us >= (unixepoch(COALESCE(:since, datetime('now', '-1 day'))) - 7 * 86400) * 1000000
),
measured AS (
  SELECT
    host,
    silent_from,
    silent_to,
    (julianday(COALESCE(silent_to, (SELECT MAX(last_ship_at) FROM host_status))) - julianday(silent_from)) * 1440 AS minutes
  FROM ordered
)
SELECT
  host,
  silent_from,
  silent_to,
  CAST(minutes AS INTEGER) AS minutes
FROM measured
WHERE minutes >= 30
  AND COALESCE(silent_to, '9') >= COALESCE(:since, strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '-1 day'))
ORDER BY silent_from DESC, host;
