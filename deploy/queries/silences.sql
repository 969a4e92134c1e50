-- Which hosts were silent for half an hour or more? Of one that has not come back
-- silent_to is empty, and the minutes are up to the newest ship of all. A silence
-- counts from its begin, up to a day before :since.
-- From :since to :until, UTC times like 2026-05-01T10:00:00Z; without them, the last 24 hours.
WITH newest AS (
  SELECT received_at_us AS newest_us
  FROM ship_log
  WHERE received_at_us <= unixepoch(COALESCE(:until, 'now')) * 1000000
  ORDER BY received_at_us DESC
  LIMIT 1
),
ordered AS (
  SELECT
    host,
    received_at_us AS from_us,
    LEAD(received_at_us) OVER (PARTITION BY host ORDER BY received_at_us) AS to_us
  FROM ship_log
  WHERE received_at_us >= (unixepoch(COALESCE(:since, datetime('now', '-1 day'))) - 86400) * 1000000
    AND received_at_us <= unixepoch(COALESCE(:until, 'now')) * 1000000
),
measured AS (
  SELECT
    host,
    from_us,
    to_us,
    COALESCE(to_us, (SELECT newest_us FROM newest)) AS end_us
  FROM ordered
)
SELECT
  host,
  strftime('%Y-%m-%dT%H:%M:%S', from_us / 1000000, 'unixepoch')
    || printf('.%06dZ', from_us % 1000000) AS silent_from,
  strftime('%Y-%m-%dT%H:%M:%S', to_us / 1000000, 'unixepoch')
    || printf('.%06dZ', to_us % 1000000) AS silent_to,
  (end_us - from_us) / 60000000 AS minutes
FROM measured
WHERE end_us - from_us >= 30 * 60000000
  AND end_us >= unixepoch(COALESCE(:since, datetime('now', '-1 day'))) * 1000000
ORDER BY from_us DESC, host;
