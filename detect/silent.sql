-- silent: hosts that shipped within the lookback, but not within the threshold.
-- Parameters in microseconds: :now, :lookback, :threshold. A host may have a threshold of its own.
-- '(invalid)' stands for many names, so it is not expected to ship.
WITH last_ship AS MATERIALIZED (
  SELECT
    id AS host_id,
    last_ship_at AS at
  FROM hosts
  WHERE last_ship_at <= :now
  UNION ALL
  -- If :now is in the past, hosts may have shipped after it. Their last ship before :now
  -- comes from the rollup of whole hours, or from the ships of the hour of :now.
  SELECT
    host_id,
    MAX(at)
  FROM (
    SELECT
      host_id,
      last_at AS at
    FROM ship_hours
    WHERE hour >= (:now - :lookback) / 3600000000
      AND hour < :now / 3600000000
    UNION ALL
    SELECT
      host_id,
      received_at
    FROM ships
    JOIN series ON series.id = series_id
    WHERE received_at >= :now / 3600000000 * 3600000000
      AND received_at <= :now
  )
  WHERE EXISTS (
      SELECT 1
      FROM hosts
      WHERE last_ship_at > :now
    )
    AND host_id IN (
      SELECT id
      FROM hosts
      WHERE last_ship_at > :now
    )
  GROUP BY host_id
),
-- The end of the last gap in which ships may be missing from the index, 0 for none. A gap
-- that ends after :now was stored while the clock was ahead, so it counts up to its start.
blind AS MATERIALIZED (
  SELECT COALESCE(MAX(at), 0) AS to_at
  FROM (
    SELECT (
      SELECT MAX(to_at)
      FROM gaps INDEXED BY gaps_open_by_end
      WHERE source_id = sources.id AND recovered_at IS NULL AND to_at <= :now
    ) AS at
    FROM sources
    WHERE stream = 'index'
    UNION ALL
    SELECT (
      SELECT MAX(from_at)
      FROM gaps INDEXED BY gaps_open_by_end
      WHERE source_id = sources.id AND recovered_at IS NULL AND to_at > :now AND from_at <= :now
    )
    FROM sources
    WHERE stream = 'index'
  )
),
own AS MATERIALIZED (
  SELECT
    host,
    value,
    MAX(id)
  FROM operator_acts
  WHERE setting = 'silent-threshold' AND at <= :now
  GROUP BY host
)
SELECT
  hosts.name AS host,
  last_ship.at AS last_ship_at,
  -- The host may have shipped in the gap, and no host is known to have shipped after it.
  last_ship.at <= (SELECT to_at FROM blind)
    AND (SELECT MAX(at) FROM last_ship) <= (SELECT to_at FROM blind) AS waits
FROM last_ship
JOIN hosts ON hosts.id = last_ship.host_id
LEFT JOIN own ON own.host = hosts.name
WHERE last_ship.at >= :now - :lookback
  AND :now - last_ship.at > COALESCE(own.value, :threshold)
  -- If a host may have shipped in the gap, its threshold counts from the end of the gap.
  AND (
    last_ship.at > (SELECT to_at FROM blind)
    OR :now - (SELECT to_at FROM blind) > COALESCE(own.value, :threshold)
  )
  AND hosts.retired_at IS NULL
  AND hosts.name <> '(invalid)'
ORDER BY hosts.name
