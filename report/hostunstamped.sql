-- How many rejections has a host because of a missing code commit, from :from_at, in
-- microseconds, up to :until? Hours before :raw_hour come from the rollups. Later
-- rejections come from the raw rows and from surplus, which has the time of the last fact
-- of each minute.
WITH RECURSIVE
-- The hours in which any host has a rejection, one seek each.
hours (hour) AS (
  SELECT MIN(hour)
  FROM rejection_hours
  WHERE hour >= :from_at / 3600000000 AND hour < :raw_hour
  UNION ALL
  SELECT (SELECT MIN(r.hour) FROM rejection_hours AS r WHERE r.hour > h.hour AND r.hour < :raw_hour)
  FROM hours AS h
  WHERE h.hour IS NOT NULL
)
SELECT
  h.hour * 3600000000 AS at,
  0 AS kind,
  r.rejections AS n
FROM hours AS h
-- CROSS keeps the planner from changing the order of the joins.
CROSS JOIN rejection_hours AS r ON r.hour = h.hour AND r.host_id = :host_id AND r.reason = 'unstamped'
UNION ALL
SELECT
  r.at,
  0,
  1
FROM rejections AS r
CROSS JOIN messages AS m ON m.id = r.message_id AND m.host_id = :host_id AND m.reason = 'unstamped'
WHERE r.at >= MAX(:from_at, :raw_hour * 3600000000) AND r.at <= :until
UNION ALL
SELECT
  last_at,
  0,
  facts
FROM surplus
WHERE minute BETWEEN MAX(:from_at, :raw_hour * 3600000000) / 60000000 AND :until / 60000000
  AND last_at >= MAX(:from_at, :raw_hour * 3600000000)
  AND last_at <= :until
  AND host_id = :host_id
  AND kind = 'unstamped'
