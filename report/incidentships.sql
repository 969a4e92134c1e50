-- When did the hosts with the ids in :hosts ship in a window? kind is 0. Whole hours come from
-- the rollups, and stand for their middle.
WITH RECURSIVE
-- The hours in which any host shipped, one seek each.
hours (hour) AS (
  SELECT MIN(hour)
  FROM ship_hours
  WHERE hour >= :from_hour AND hour < :to_hour
  UNION ALL
  SELECT (SELECT MIN(s.hour) FROM ship_hours AS s WHERE s.hour > h.hour AND s.hour < :to_hour)
  FROM hours AS h
  WHERE h.hour IS NOT NULL
),
ends (from_at, to_at) AS (
  VALUES
    (:since + 1, :head_to),
    (:tail_from, :until)
),
of_hosts (host_id) AS MATERIALIZED (
  SELECT value
  FROM json_each(:hosts)
)
SELECT
  h.hour * 3600000000 + 1800000000 AS at,
  0 AS kind,
  s.ships AS n
FROM hours AS h
-- CROSS keeps the planner from changing the order of the joins.
CROSS JOIN of_hosts AS o
CROSS JOIN ship_hours AS s ON s.hour = h.hour AND s.host_id = o.host_id
UNION ALL
SELECT
  s.received_at,
  0,
  1
FROM ends
CROSS JOIN ships AS s ON s.received_at BETWEEN from_at AND to_at
CROSS JOIN series AS r ON r.id = s.series_id
WHERE r.host_id IN (SELECT host_id FROM of_hosts)
