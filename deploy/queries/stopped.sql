-- Have hosts stopped together? Of those that shipped, but not for the threshold of the
-- last pass before :until, or before that pass if it is earlier: how many shipped last
-- in which ten minutes, and which, if they are few. Many in the same ones speak for the
-- receiver or the network. Retired hosts are left out.
-- From :since to :until, UTC times like 2026-05-01T10:00:00Z; without them, from the
-- lookback of the last pass on.
WITH asked AS MATERIALIZED (
  SELECT
    MIN(
      unixepoch(COALESCE(:until, 'now')) * 1000000,
      COALESCE((SELECT value FROM thresholds WHERE name = 'now'), 9223372036854775807)
    ) AS to_us,
    COALESCE((SELECT value FROM thresholds WHERE name = 'threshold'), 1800000000) AS threshold_us,
    COALESCE((SELECT value FROM thresholds WHERE name = 'lookback'), 86400000000) AS lookback_us
),
last AS (
  SELECT
    host,
    MAX(received_at_us) AS last_us
  FROM ship_log
  WHERE received_at_us >= COALESCE(unixepoch(:since) * 1000000, (SELECT to_us - lookback_us FROM asked))
    AND received_at_us <= (SELECT to_us FROM asked)
    AND host NOT IN (SELECT host FROM host_status WHERE retired_at IS NOT NULL)
  GROUP BY host
  HAVING MAX(received_at_us) < (SELECT to_us - threshold_us FROM asked)
)
SELECT
  strftime('%Y-%m-%dT%H:%M:00Z', ten_minutes * 600, 'unixepoch') AS ten_minutes_from,
  COUNT(*) AS hosts,
  CASE WHEN COUNT(*) <= 5 THEN group_concat(host, ' ') END AS which
FROM (
  SELECT
    last_us / 600000000 AS ten_minutes,
    host
  FROM last
  ORDER BY last_us / 600000000, host
)
GROUP BY ten_minutes
ORDER BY ten_minutes DESC;
