-- When did PUTs of each host fail in a window? kind is the time, n the number of PUTs. Whole
-- hours come from the rollups, and stand for their middle. The head and the tail of the window
-- come from the raw rows, and from surplus, which has the time of the last fact of each minute.
WITH ends (from_at, to_at) AS (
  VALUES
    (:since + 1, :head_to),
    (:tail_from, :until)
)
SELECT
  host_id,
  hour * 3600000000 + 1800000000 AS kind,
  puts AS n
FROM put_hours
WHERE hour >= :from_hour AND hour < :to_hour AND status >= 400
UNION ALL
SELECT
  host_id,
  at,
  1
FROM ends
JOIN puts ON at BETWEEN from_at AND to_at
WHERE status >= 400
UNION ALL
SELECT
  host_id,
  last_at,
  facts
FROM ends
JOIN surplus ON minute BETWEEN from_at / 60000000 AND to_at / 60000000 AND last_at BETWEEN from_at AND to_at
WHERE typeof(kind) = 'integer' AND kind >= 400
