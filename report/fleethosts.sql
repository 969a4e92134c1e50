-- Which hosts were known at :until, in microseconds, and when did each last ship?
-- If shipped_since is 1, last_ship_at is after :until: lastships.sql has the answer.
SELECT
  id,
  name,
  last_ship_at,
  COALESCE(last_ship_at > :until, next_ship_at <= :until, 0) AS shipped_since
FROM hosts
WHERE first_seen_at <= :until
ORDER BY name
