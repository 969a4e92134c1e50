-- What are a host's last ships before :from_at, in microseconds? The result has the rollup
-- of the last earlier hour in which it shipped, and the raw rows of the hour of :from_at.
WITH RECURSIVE
-- Step back through the hours in which any host shipped, to one in which this host did.
-- Each step is one seek, because the key of ship_hours starts with the hour.
back (first_hour, hour) AS (
  SELECT
    first_seen_at / 3600000000,
    (SELECT MAX(hour) FROM ship_hours WHERE hour >= first_seen_at / 3600000000 AND hour < :from_at / 3600000000)
  FROM hosts
  WHERE id = :host_id
  UNION ALL
  SELECT
    first_hour,
    (SELECT MAX(s.hour) FROM ship_hours AS s WHERE s.hour >= b.first_hour AND s.hour < b.hour)
  FROM back AS b
  WHERE hour > first_hour
    AND NOT EXISTS (SELECT 1 FROM ship_hours AS s WHERE s.hour = b.hour AND s.host_id = :host_id)
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
FROM back AS b
-- CROSS keeps the planner from changing the order of the joins.
CROSS JOIN ship_hours AS s ON s.hour = b.hour AND s.host_id = :host_id
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
WHERE s.received_at >= :from_at / 3600000000 * 3600000000 AND s.received_at < :from_at
ORDER BY
  first_at,
  last_at,
  line_hash
