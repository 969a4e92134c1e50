-- Which hosts were known at :until, in microseconds, and when did each last ship?
-- If shipped_since is 1, last_ship_at is after :until: lastships.sql has the answer.
-- failed_status is the status of the last PUT that failed since the last accepted one, 0 if
-- that is not known as of :until. A host is awaited from the end of a trouble of its receiver or
-- its group until something is heard of it. A pass may find that end ten minutes late.
SELECT
  id,
  name,
  last_ship_at,
  COALESCE(last_ship_at > :until, next_ship_at <= :until, 0) AS shipped_since,
  COALESCE(IIF(last_failed_at <= :until, failed_status, 0), 0) AS failed_status,
  COALESCE(expected_from <= :until AND expected_from - 600000000 > MAX(last_ship_at, COALESCE(last_put_at, 0)), 0) AS awaited,
  COALESCE(muted_until > :until, 0) AS muted,
  COALESCE(retired_at <= :until, 0) AS retired,
  COALESCE(retired_at <= :until AND last_ship_at > retired_at, 0) AS ships_again
FROM hosts
WHERE first_seen_at <= :until
ORDER BY name
