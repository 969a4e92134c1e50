-- Which hosts were known at :until, in microseconds, and when did each last ship?
-- If shipped_since is 1, last_ship_at is after :until: lastships.sql has the answer.
-- retired_at is NULL for a host that was not retired yet.
SELECT
  id,
  name,
  last_ship_at,
  COALESCE(last_ship_at > :until, next_ship_at <= :until, 0) AS shipped_since,
  IIF(retired_at <= :until, retired_at, NULL) AS retired_at
FROM hosts
WHERE first_seen_at <= :until
ORDER BY name
