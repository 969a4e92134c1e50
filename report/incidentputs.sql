-- When did the hosts with the ids in :hosts make PUTs in a window, and with which status?
-- Whole hours come from the rollups, and stand for their middle. The head and the tail of
-- the window come from the raw rows, and from surplus, which has the time of the last fact of
-- each minute.
WITH RECURSIVE
-- The hours in which any host made a PUT, one seek each.
hours (hour) AS (
  SELECT MIN(hour)
  FROM put_hours
  WHERE hour >= :from_hour AND hour < :to_hour
  UNION ALL
  SELECT (SELECT MIN(p.hour) FROM put_hours AS p WHERE p.hour > h.hour AND p.hour < :to_hour)
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
  p.status AS kind,
  p.puts AS n
FROM hours AS h
-- CROSS keeps the planner from changing the order of the joins.
CROSS JOIN of_hosts AS o
CROSS JOIN put_hours AS p ON p.hour = h.hour AND p.host_id = o.host_id
UNION ALL
SELECT
  at,
  status,
  1
FROM ends
CROSS JOIN puts ON at BETWEEN from_at AND to_at
WHERE host_id IN (SELECT host_id FROM of_hosts)
UNION ALL
SELECT
  last_at,
  kind,
  facts
FROM ends
CROSS JOIN surplus ON minute BETWEEN from_at / 60000000 AND to_at / 60000000 AND last_at BETWEEN from_at AND to_at
WHERE host_id IN (SELECT host_id FROM of_hosts)
  AND typeof(kind) = 'integer'
