-- group-rejected: do several hosts get the same 4xx since times within an hour of each
-- other? Hosts that never shipped are left out: anybody may invent their names, and none of
-- them would ever be well again.
-- Parameters: :now, :day and :hour in microseconds; :group_hosts hosts.
WITH streak AS MATERIALIZED (
  SELECT
    name AS host,
    failed_status AS status,
    first_4xx_at,
    failed_4xx
  FROM hosts
  WHERE last_failed_at >= :now - :day
    AND failed_status BETWEEN 400 AND 499
    AND failed_4xx >= 2
    AND retired_at IS NULL
    AND last_ship_at IS NOT NULL
    AND name NOT IN ('(invalid)', '(overflow)')
),
near AS (
  SELECT
    status,
    first_4xx_at AS began_at,
    COUNT(*) OVER (
      PARTITION BY status
      ORDER BY first_4xx_at
      RANGE BETWEEN CURRENT ROW AND :hour FOLLOWING
    ) AS hosts
  FROM streak
),
best AS (
  SELECT status, began_at
  FROM near
  WHERE hosts >= :group_hosts
  ORDER BY hosts DESC, began_at, status
  LIMIT 1
)
SELECT
  streak.host,
  best.status,
  best.began_at
FROM best
JOIN streak
  ON streak.status = best.status
  AND streak.first_4xx_at BETWEEN best.began_at AND best.began_at + :hour
ORDER BY streak.host
