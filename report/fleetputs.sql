-- How many PUTs has each host in a window, by status? An hour of the rollups, a raw
-- row, or what was over quota in a minute is a row.
WITH ends (from_at, to_at) AS (
  VALUES
    (:since + 1, :head_to),
    (:tail_from, :until)
)
SELECT
  host_id,
  status AS kind,
  puts AS n
FROM put_hours
WHERE hour >= :from_hour AND hour < :to_hour
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
