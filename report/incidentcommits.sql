-- In which hours up to :to_hour did the hosts with the ids in :hosts begin to ship from another
-- code commit? From an hour before :from_hour on; the commit before it is known if the host
-- shipped in the day before that. The last ten changes, newest first.
WITH RECURSIVE
hours (hour) AS (
  SELECT MIN(hour)
  FROM ship_hours
  WHERE hour >= :from_hour - 25 AND hour <= :to_hour
  UNION ALL
  SELECT (SELECT MIN(s.hour) FROM ship_hours AS s WHERE s.hour > h.hour AND s.hour <= :to_hour)
  FROM hours AS h
  WHERE h.hour IS NOT NULL
),
of_hosts (host_id) AS MATERIALIZED (
  SELECT value
  FROM json_each(:hosts)
),
shipped AS (
  SELECT
    s.hour,
    s.host_id,
    s.first_commit_id,
    s.last_commit_id,
    s.commit_changes,
    LAG(s.last_commit_id, 1, s.first_commit_id) OVER (PARTITION BY s.host_id ORDER BY s.first_at) AS commit_id_before
  FROM hours AS h
  CROSS JOIN of_hosts AS o
  CROSS JOIN ship_hours AS s ON s.hour = h.hour AND s.host_id = o.host_id
)
SELECT
  s.hour * 3600000000 AS at,
  h.name AS host,
  COALESCE((SELECT name FROM code_commits WHERE id = s.commit_id_before), '') AS commit_before,
  COALESCE((SELECT name FROM code_commits WHERE id = s.last_commit_id), '') AS code_commit
FROM shipped AS s
JOIN hosts AS h ON h.id = s.host_id
WHERE s.hour >= :from_hour - 1
  AND (s.commit_changes > 0 OR s.first_commit_id <> s.commit_id_before)
ORDER BY
  s.hour DESC,
  h.name
LIMIT 10
