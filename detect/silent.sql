-- silent: hosts that shipped within the lookback, but not within the threshold.
-- Parameters, all in microseconds: :now, :lookback, :threshold. Whole hours come
-- from the rollup, the hour that :now stands in from its ships up to :now.
-- '(invalid)' stands for many names, none of which is expected to ship.
WITH latest AS (
  SELECT
    host_id,
    MAX(last_at) AS at
  FROM ship_hours
  WHERE hour >= (:now - :lookback) / 3600000000
    AND hour < :now / 3600000000
  GROUP BY host_id
  UNION ALL
  SELECT
    host_id,
    MAX(received_at)
  FROM ships
  JOIN series ON series.id = series_id
  WHERE received_at >= :now / 3600000000 * 3600000000
    AND received_at <= :now
  GROUP BY host_id
),
last_ship AS (
  SELECT
    host_id,
    MAX(at) AS at
  FROM latest
  GROUP BY host_id
)
SELECT
  hosts.name AS host,
  last_ship.at AS last_ship_at
FROM last_ship
JOIN hosts ON hosts.id = last_ship.host_id
WHERE last_ship.at >= :now - :lookback
  AND :now - last_ship.at > :threshold
  AND hosts.retired_at IS NULL
  AND hosts.name <> '(invalid)'
ORDER BY hosts.name
