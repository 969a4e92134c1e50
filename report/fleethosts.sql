-- Which hosts were known by :until, in microseconds, and when did each last ship?
-- shipped_since reports whether last_ship_at is too late to answer that.
SELECT
  id,
  name,
  last_ship_at,
  COALESCE(last_ship_at > :until, next_ship_at <= :until, 0) AS shipped_since
FROM hosts
WHERE first_seen_at <= :until
ORDER BY name
