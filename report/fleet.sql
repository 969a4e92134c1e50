-- The fleet, a row per host: its last ship, what the 24 hours up to :now hold,
-- and the symptoms that the detectors found when they last looked. :now is in
-- microseconds. Whole hours come from the rollups, the part of an hour at either
-- end from the raw rows.
WITH ends (from_at, to_at) AS (
  VALUES
    (:now - 86400000000 + 1, (:now / 3600000000 - 23) * 3600000000 - 1),
    (:now / 3600000000 * 3600000000, :now)
),
counted AS (
  SELECT host_id, ships, 0 AS p2, 0 AS p4, 0 AS p5, 0 AS unstamped
  FROM ship_hours
  WHERE hour > :now / 3600000000 - 24 AND hour < :now / 3600000000
  UNION ALL
  SELECT host_id, 1, 0, 0, 0, 0
  FROM ends
  JOIN ships ON received_at BETWEEN from_at AND to_at
  JOIN series ON series.id = series_id
  UNION ALL
  SELECT
    host_id,
    0,
    CASE WHEN status BETWEEN 200 AND 299 THEN puts ELSE 0 END,
    CASE WHEN status BETWEEN 400 AND 499 THEN puts ELSE 0 END,
    CASE WHEN status BETWEEN 500 AND 599 THEN puts ELSE 0 END,
    0
  FROM put_hours
  WHERE hour > :now / 3600000000 - 24 AND hour < :now / 3600000000
  UNION ALL
  SELECT
    host_id,
    0,
    status BETWEEN 200 AND 299,
    status BETWEEN 400 AND 499,
    status BETWEEN 500 AND 599,
    0
  FROM ends
  JOIN puts ON at BETWEEN from_at AND to_at
  UNION ALL
  SELECT host_id, 0, 0, 0, 0, CASE WHEN reason = 'unstamped' THEN rejections ELSE 0 END
  FROM rejection_hours
  WHERE hour > :now / 3600000000 - 24 AND hour < :now / 3600000000
  UNION ALL
  SELECT host_id, 0, 0, 0, 0, reason = 'unstamped'
  FROM ends
  JOIN rejections ON at BETWEEN from_at AND to_at
),
sums AS (
  SELECT
    host_id,
    SUM(ships) AS ships,
    SUM(p2) AS puts_2xx,
    SUM(p4) AS puts_4xx,
    SUM(p5) AS puts_5xx,
    SUM(unstamped) AS unstamped
  FROM counted
  GROUP BY host_id
)
SELECT
  hosts.name AS host,
  COALESCE(hosts.last_ship_at, 0) AS last_ship_at,
  COALESCE(sums.ships, 0) AS ships,
  COALESCE(sums.puts_2xx, 0) AS puts_2xx,
  COALESCE(sums.puts_4xx, 0) AS puts_4xx,
  COALESCE(sums.puts_5xx, 0) AS puts_5xx,
  COALESCE(sums.unstamped, 0) AS unstamped,
  COALESCE(host_status.open_symptoms, '') AS open_symptoms
FROM hosts
JOIN host_status ON host_status.host = hosts.name
LEFT JOIN sums ON sums.host_id = hosts.id
ORDER BY host_status.open_symptoms IS NULL, hosts.name
