-- When did which host begin to ship from another code commit? The rollups know in
-- which hours, and of the last ship before :since; raw rows are read of those hours.
-- From :since to :until, UTC times like 2026-05-01T10:00:00Z; without them, the last 24 hours.
WITH RECURSIVE asked AS MATERIALIZED (
  SELECT
    unixepoch(COALESCE(:since, datetime('now', '-1 day'))) * 1000000 AS from_us,
    unixepoch(COALESCE(:until, 'now')) * 1000000 AS to_us
),
-- From the last hour before :since's in which any host has shipped backward, over
-- such hours alone, to one in which this host has.
back (host_id, first_hour, hour) AS (
  SELECT
    id,
    first_seen_at / 3600000000,
    (SELECT MAX(hour) FROM ship_hours WHERE hour >= first_seen_at / 3600000000 AND hour < from_us / 3600000000)
  FROM asked
  JOIN hosts ON last_ship_at >= from_us
  UNION ALL
  SELECT
    host_id,
    first_hour,
    (SELECT MAX(s.hour) FROM ship_hours AS s WHERE s.hour >= b.first_hour AND s.hour < b.hour)
  FROM back AS b
  WHERE hour > first_hour
    AND NOT EXISTS (SELECT 1 FROM ship_hours AS s WHERE s.hour = b.hour AND s.host_id = b.host_id)
),
hours AS (
  SELECT s.*
  FROM back AS b
  CROSS JOIN ship_hours AS s ON s.hour = b.hour AND s.host_id = b.host_id
  UNION ALL
  SELECT *
  FROM ship_hours
  WHERE hour >= (SELECT from_us / 3600000000 FROM asked)
    AND hour <= (SELECT to_us / 3600000000 FROM asked)
),
turned AS MATERIALIZED (
  SELECT
    hour,
    host_id,
    commit_id_before
  FROM (
    SELECT
      hour,
      host_id,
      first_commit_id,
      commit_changes,
      LAG(last_commit_id, 1, first_commit_id) OVER (PARTITION BY host_id ORDER BY first_at) AS commit_id_before
    FROM hours
  )
  WHERE commit_changes > 0 OR first_commit_id <> commit_id_before
),
ordered AS (
  SELECT
    s.received_at_us,
    s.host,
    s.code_commit,
    LAG(s.code_commit, 1, c.name) OVER (PARTITION BY t.hour, t.host_id ORDER BY s.received_at_us) AS commit_before
  FROM (SELECT DISTINCT hour FROM turned) AS d
  CROSS JOIN ship_log AS s ON s.received_at_us >= d.hour * 3600000000 AND s.received_at_us < (d.hour + 1) * 3600000000
  CROSS JOIN hosts AS h ON h.name = s.host
  CROSS JOIN turned AS t ON t.hour = d.hour AND t.host_id = h.id
  LEFT JOIN code_commits AS c ON c.id = t.commit_id_before
)
SELECT
  strftime('%Y-%m-%dT%H:%M:%S', received_at_us / 1000000, 'unixepoch')
    || printf('.%06dZ', received_at_us % 1000000) AS first_at,
  host,
  commit_before,
  code_commit
FROM ordered
WHERE code_commit IS NOT commit_before
  AND received_at_us >= (SELECT from_us FROM asked)
  AND received_at_us <= (SELECT to_us FROM asked)
ORDER BY received_at_us DESC, host;
