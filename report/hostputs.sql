-- How many PUTs did a host make from :from_at, in microseconds, up to :until, by status?
-- Hours before :raw_hour come from the rollups. Later PUTs come from the raw rows and from
-- surplus, which has the time of the last fact of each minute.
WITH RECURSIVE
-- The hours in which any host made a PUT, one seek each.
hours (hour) AS (
  SELECT MIN(hour)
  FROM put_hours
  WHERE hour >= :from_at / 3600000000 AND hour < :raw_hour
  UNION ALL
  SELECT (SELECT MIN(p.hour) FROM put_hours AS p WHERE p.hour > h.hour AND p.hour < :raw_hour)
  FROM hours AS h
  WHERE h.hour IS NOT NULL
)
SELECT
  h.hour * 3600000000 AS at,
  p.status AS kind,
  p.puts AS n
FROM hours AS h
-- CROSS keeps the planner from changing the order of the joins.
CROSS JOIN put_hours AS p ON p.hour = h.hour AND p.host_id = :host_id
UNION ALL
SELECT
  at,
  status,
  1
FROM puts
WHERE at >= MAX(:from_at, :raw_hour * 3600000000) AND at <= :until AND host_id = :host_id
UNION ALL
SELECT
  last_at,
  kind,
  facts
FROM surplus
WHERE minute BETWEEN MAX(:from_at, :raw_hour * 3600000000) / 60000000 AND :until / 60000000
  AND last_at >= MAX(:from_at, :raw_hour * 3600000000)
  AND last_at <= :until
  AND host_id = :host_id
  AND typeof(kind) = 'integer'
