-- How many rejections has each host in a window because of a missing code commit? An
-- open day has no rollup, so it is counted by the hour.
WITH ends (from_at, to_at) AS (
  VALUES
    (:since + 1, :head_to),
    (:tail_from, :until)
)
SELECT
  host_id,
  0 AS kind,
  rejections AS n
FROM rejection_days
WHERE day >= :from_day AND day < :to_day AND reason = 'unstamped'
UNION ALL
SELECT
  host_id,
  0,
  rejections
FROM open_days
-- + keeps the planner from making an index by reason.
CROSS JOIN rejection_hours ON hour >= day * 24 AND hour < (day + 1) * 24 AND +reason = 'unstamped'
WHERE day >= :from_day AND day < :to_day
UNION ALL
SELECT
  host_id,
  0,
  rejections
FROM rejection_hours
WHERE hour >= :from_hour AND hour < :from_day * 24 AND reason = 'unstamped'
UNION ALL
SELECT
  host_id,
  0,
  rejections
FROM rejection_hours
WHERE hour >= MAX(:from_hour, :to_day * 24) AND hour < :to_hour AND reason = 'unstamped'
UNION ALL
SELECT
  host_id,
  0,
  1
FROM ends
JOIN rejections ON at BETWEEN from_at AND to_at
JOIN messages ON messages.id = message_id AND reason = 'unstamped'
UNION ALL
SELECT
  host_id,
  0,
  facts
FROM ends
-- surplus has the time of the last fact of each minute.
JOIN surplus ON minute BETWEEN from_at / 60000000 AND to_at / 60000000 AND last_at BETWEEN from_at AND to_at
WHERE kind = 'unstamped'
