-- When did the hosts that have shipped after :until last ship before it? Hours before
-- :end_hour come from the rollups, later ships from the raw rows.
WITH RECURSIVE
-- Step back through the hours in which any host shipped, to one in which this host did.
-- Each step is one seek, because the key of ship_hours starts with the hour.
back (host_id, first_hour, hour) AS (
  SELECT
    id,
    first_seen_at / 3600000000,
    (SELECT MAX(hour) FROM ship_hours WHERE hour >= first_seen_at / 3600000000 AND hour < :end_hour)
  FROM hosts
  WHERE first_seen_at <= :until AND COALESCE(last_ship_at > :until, next_ship_at <= :until)
  UNION ALL
  SELECT
    host_id,
    first_hour,
    (SELECT MAX(s.hour) FROM ship_hours AS s WHERE s.hour >= b.first_hour AND s.hour < b.hour)
  FROM back AS b
  WHERE hour > first_hour
    AND NOT EXISTS (SELECT 1 FROM ship_hours AS s WHERE s.hour = b.hour AND s.host_id = b.host_id)
)
SELECT
  host_id,
  0 AS kind,
  MAX(last_at) AS n
FROM (
  SELECT b.host_id, s.last_at
  FROM back AS b
  -- CROSS keeps the planner from changing the order of the joins.
  CROSS JOIN ship_hours AS s ON s.hour = b.hour AND s.host_id = b.host_id
  UNION ALL
  SELECT r.host_id, s.received_at
  FROM ships AS s
  JOIN series AS r ON r.id = s.series_id
  WHERE s.received_at >= :end_hour * 3600000000 AND s.received_at <= :until
)
GROUP BY host_id
