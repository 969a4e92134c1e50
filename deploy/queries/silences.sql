-- Which hosts were silent for longer than the threshold of the last pass? Of one that
-- has not come back silent_to is empty, and the minutes are up to :until, or to the
-- last pass if that is earlier. A silence counts from its begin, up to the lookback
-- before :since. Retired hosts are left out.
-- From :since to :until, UTC times like 2026-05-01T10:00:00Z; without them, the last 24 hours.
WITH asked AS MATERIALIZED (
  SELECT
    unixepoch(COALESCE(:since, datetime('now', '-1 day'))) * 1000000 AS since_us,
    MIN(
      unixepoch(COALESCE(:until, 'now')) * 1000000,
      COALESCE((SELECT value FROM thresholds WHERE name = 'now'), 9223372036854775807)
    ) AS to_us,
    COALESCE((SELECT value FROM thresholds WHERE name = 'threshold'), 1800000000) AS threshold_us,
    COALESCE((SELECT value FROM thresholds WHERE name = 'lookback'), 86400000000) AS lookback_us
),
ordered AS (
  SELECT
    host,
    received_at_us AS from_us,
    LEAD(received_at_us) OVER (PARTITION BY host ORDER BY received_at_us) AS to_us
  FROM ship_log
  WHERE received_at_us >= (SELECT since_us - lookback_us FROM asked)
    AND received_at_us <= (SELECT to_us FROM asked)
),
measured AS (
  SELECT
    host,
    from_us,
    to_us,
    COALESCE(to_us, (SELECT to_us FROM asked)) AS end_us
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
WHERE end_us - from_us > (SELECT threshold_us FROM asked)
  AND end_us >= (SELECT since_us FROM asked)
  AND host NOT IN (SELECT host FROM host_status WHERE retired_at IS NOT NULL)
ORDER BY from_us DESC, host;
