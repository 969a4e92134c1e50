-- How many PUTs did each host make in a window, by status? Each row counts a day or an
-- hour of the rollups, one raw row, or the surplus of a minute. An open day has no rollup,
-- so it is counted by the hour.
WITH ends (from_at, to_at) AS (
  VALUES
    (:since + 1, :head_to),
    (:tail_from, :until)
)
SELECT
  host_id,
  status AS kind,
  puts AS n
FROM put_days
WHERE day >= :from_day AND day < :to_day
UNION ALL
SELECT
  host_id,
  status,
  puts
FROM open_days
CROSS JOIN put_hours ON hour >= day * 24 AND hour < (day + 1) * 24
WHERE day >= :from_day AND day < :to_day
UNION ALL
SELECT
  host_id,
  status,
  puts
FROM put_hours
WHERE hour >= :from_hour AND hour < :from_day * 24
UNION ALL
SELECT
  host_id,
  status,
  puts
FROM put_hours
WHERE hour >= MAX(:from_hour, :to_day * 24) AND hour < :to_hour
UNION ALL
SELECT
  host_id,
  status,
  1
FROM ends
JOIN puts ON at BETWEEN from_at AND to_at
UNION ALL
SELECT
  host_id,
  kind,
  facts
FROM ends
-- surplus has the time of the last fact of each minute.
JOIN surplus ON minute BETWEEN from_at / 60000000 AND to_at / 60000000 AND last_at BETWEEN from_at AND to_at
WHERE typeof(kind) = 'integer'
