-- What were the last ten facts about the hosts with the ids in :hosts, from :from_at up to
-- :until, in microseconds? Newest first. The rollups know the hours that have facts.
WITH RECURSIVE
of_hosts (host_id) AS MATERIALIZED (
  SELECT value
  FROM json_each(:hosts)
),
put_back (hour) AS (
  SELECT MAX(hour)
  FROM put_hours
  WHERE hour BETWEEN :from_at / 3600000000 AND :until / 3600000000
  UNION ALL
  SELECT (SELECT MAX(p.hour) FROM put_hours AS p WHERE p.hour < b.hour AND p.hour >= :from_at / 3600000000)
  FROM put_back AS b
  WHERE b.hour IS NOT NULL
),
put_near AS (
  SELECT hour
  FROM put_back AS b
  WHERE EXISTS (SELECT 1 FROM of_hosts AS o CROSS JOIN put_hours AS p ON p.hour = b.hour AND p.host_id = o.host_id)
  LIMIT 12
),
ship_back (hour) AS (
  SELECT MAX(hour)
  FROM ship_hours
  WHERE hour BETWEEN :from_at / 3600000000 AND :until / 3600000000
  UNION ALL
  SELECT (SELECT MAX(s.hour) FROM ship_hours AS s WHERE s.hour < b.hour AND s.hour >= :from_at / 3600000000)
  FROM ship_back AS b
  WHERE b.hour IS NOT NULL
),
ship_near AS (
  SELECT hour
  FROM ship_back AS b
  WHERE EXISTS (SELECT 1 FROM of_hosts AS o CROSS JOIN ship_hours AS s ON s.hour = b.hour AND s.host_id = o.host_id)
  LIMIT 12
),
rejection_back (hour) AS (
  SELECT MAX(hour)
  FROM rejection_hours
  WHERE hour BETWEEN :from_at / 3600000000 AND :until / 3600000000
  UNION ALL
  SELECT (SELECT MAX(r.hour) FROM rejection_hours AS r WHERE r.hour < b.hour AND r.hour >= :from_at / 3600000000)
  FROM rejection_back AS b
  WHERE b.hour IS NOT NULL
),
rejection_near AS (
  SELECT hour
  FROM rejection_back AS b
  WHERE EXISTS (SELECT 1 FROM of_hosts AS o CROSS JOIN rejection_hours AS r ON r.hour = b.hour AND r.host_id = o.host_id)
  LIMIT 12
),
facts AS (
  SELECT *
  FROM (
    SELECT p.at, p.host_id, 'PUT' AS fact, CAST(p.status AS TEXT) AS detail
    FROM put_near AS n
    CROSS JOIN puts AS p ON p.at BETWEEN MAX(:from_at, n.hour * 3600000000) AND MIN(:until, n.hour * 3600000000 + 3599999999)
    WHERE p.host_id IN (SELECT host_id FROM of_hosts)
    ORDER BY p.at DESC
    LIMIT 10
  )
  UNION ALL
  SELECT *
  FROM (
    SELECT s.received_at, r.host_id, 'ship', COALESCE((SELECT name FROM code_commits WHERE id = r.code_commit_id), '')
    FROM ship_near AS n
    CROSS JOIN ships AS s ON s.received_at BETWEEN MAX(:from_at, n.hour * 3600000000) AND MIN(:until, n.hour * 3600000000 + 3599999999)
    CROSS JOIN series AS r ON r.id = s.series_id
    WHERE r.host_id IN (SELECT host_id FROM of_hosts)
    ORDER BY s.received_at DESC
    LIMIT 10
  )
  UNION ALL
  SELECT *
  FROM (
    SELECT r.at, m.host_id, 'rejection', m.text
    FROM rejection_near AS n
    CROSS JOIN rejections AS r ON r.at BETWEEN MAX(:from_at, n.hour * 3600000000) AND MIN(:until, n.hour * 3600000000 + 3599999999)
    CROSS JOIN messages AS m ON m.id = r.message_id
    WHERE m.host_id IN (SELECT host_id FROM of_hosts)
    ORDER BY r.at DESC
    LIMIT 10
  )
)
SELECT
  f.at,
  h.name AS host,
  f.fact,
  f.detail
FROM facts AS f
JOIN hosts AS h ON h.id = f.host_id
ORDER BY
  f.at DESC,
  f.fact,
  h.name
LIMIT 10
