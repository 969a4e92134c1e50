-- How many ships has each host from :from_hour up to, but not including, :to_hour? Each row
-- counts an hour or a whole day; kind is the hour, or the first hour of the day. Days in
-- :by_hour are counted by the hour, because their hours belong to two bars, and so are open
-- days, which have no rollup.
WITH by_hour (day) AS (
  SELECT value
  FROM json_each(:by_hour)
  UNION
  SELECT day
  FROM open_days
  WHERE day >= :from_day AND day < :to_day
)
SELECT
  host_id,
  day * 24 AS kind,
  ships AS n
FROM ship_days
WHERE day >= :from_day AND day < :to_day
  AND day NOT IN (SELECT day FROM by_hour)
UNION ALL
SELECT
  host_id,
  hour,
  ships
FROM by_hour
CROSS JOIN ship_hours ON hour >= day * 24 AND hour < (day + 1) * 24
UNION ALL
SELECT
  host_id,
  hour,
  ships
FROM ship_hours
WHERE hour >= :from_hour AND hour < :from_day * 24
UNION ALL
SELECT
  host_id,
  hour,
  ships
FROM ship_hours
WHERE hour >= MAX(:from_hour, :to_day * 24) AND hour < :to_hour
