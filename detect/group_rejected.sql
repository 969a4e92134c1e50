-- group-rejected: do several hosts get the same 4xx twice, since times within an hour of each other? A slow host
-- joins them with its first one, if no PUT of it was accepted meanwhile. Hosts that never shipped are left out:
-- anybody may invent their names, and none of them would ever be well again.
-- Parameters: :now, :day and :hour in microseconds; :group_hosts hosts.
WITH streak AS MATERIALIZED (
  SELECT
    name AS host,
    failed_status AS status,
    first_4xx_at,
    failed_4xx,
    COALESCE(last_accepted_at, 0) AS accepted_at
  FROM hosts
  WHERE last_failed_at >= :now - :day
    AND failed_status BETWEEN 400 AND 499
    AND failed_4xx > 0
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
  WHERE failed_4xx >= 2
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
  AND streak.first_4xx_at >= best.began_at
  AND streak.accepted_at <= best.began_at + :hour
ORDER BY streak.host
