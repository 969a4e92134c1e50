-- What are a host's ships from :from_at, in microseconds, up to :until, in order? A row is
-- an hour before :raw_hour, from the rollups, or a single later ship. Ships of one time
-- are ordered by their hash, as in the rollups.
WITH RECURSIVE
-- The hours in which any host shipped, one seek each.
hours (hour) AS (
  SELECT MIN(hour)
  FROM ship_hours
  WHERE hour >= :from_at / 3600000000 AND hour < :raw_hour
  UNION ALL
  SELECT (SELECT MIN(s.hour) FROM ship_hours AS s WHERE s.hour > h.hour AND s.hour < :raw_hour)
  FROM hours AS h
  WHERE h.hour IS NOT NULL
)
SELECT
  s.ships,
  s.first_at,
  s.last_at,
  0 AS line_hash,
  s.longest_gap,
  s.first_commit_id,
  s.last_commit_id,
  s.commit_changes
FROM hours AS h
-- CROSS keeps the planner from changing the order of the joins.
CROSS JOIN ship_hours AS s ON s.hour = h.hour AND s.host_id = :host_id
UNION ALL
SELECT
  1,
  s.received_at,
  s.received_at,
  s.line_hash,
  0,
  r.code_commit_id,
  r.code_commit_id,
  0
FROM ships AS s
CROSS JOIN series AS r ON r.id = s.series_id AND r.host_id = :host_id
WHERE s.received_at >= MAX(:from_at, :raw_hour * 3600000000) AND s.received_at <= :until
ORDER BY
  first_at,
  last_at,
  line_hash
