-- When did which host begin to ship from another code commit? The first ship is
-- compared with the last one before :since, of which the rollups know.
-- From :since to :until, UTC times like 2026-05-01T10:00:00Z; without them, the last 24 hours.
WITH RECURSIVE asked AS MATERIALIZED (
  SELECT
    unixepoch(COALESCE(:since, datetime('now', '-1 day'))) * 1000000 AS from_us,
    unixepoch(COALESCE(:until, 'now')) * 1000000 AS to_us
),
-- From the hour before :since's backward, to one in which the host has shipped.
back (host_id, first_hour, hour) AS (
  SELECT
    id,
    first_seen_at / 3600000000,
    from_us / 3600000000 - 1
  FROM asked
  JOIN hosts ON last_ship_at >= from_us
  UNION ALL
  SELECT
    host_id,
    first_hour,
    hour - 1
  FROM back AS b
  WHERE hour > first_hour
    AND NOT EXISTS (SELECT 1 FROM ship_hours AS s WHERE s.hour = b.hour AND s.host_id = b.host_id)
),
shipped AS (
  SELECT
    s.last_at AS received_at_us,
    h.name AS host,
    c.name AS code_commit
  FROM back AS b
  JOIN ship_hours AS s ON s.hour = b.hour AND s.host_id = b.host_id
  JOIN hosts AS h ON h.id = b.host_id
  LEFT JOIN code_commits AS c ON c.id = s.last_commit_id
  UNION ALL
  SELECT
    received_at_us,
    host,
    code_commit
  FROM ship_log
  WHERE received_at_us >= (SELECT from_us / 3600000000 * 3600000000 FROM asked)
    AND received_at_us <= (SELECT to_us FROM asked)
),
ordered AS (
  SELECT
    received_at_us,
    host,
    code_commit,
    LAG(code_commit) OVER host_order AS commit_before,
    ROW_NUMBER() OVER host_order AS n
  FROM shipped
  WINDOW host_order AS (PARTITION BY host ORDER BY received_at_us)
)
SELECT
  strftime('%Y-%m-%dT%H:%M:%S', received_at_us / 1000000, 'unixepoch')
    || printf('.%06dZ', received_at_us % 1000000) AS first_at,
  host,
  commit_before,
  code_commit
FROM ordered
WHERE n > 1
  AND code_commit IS NOT commit_before
  AND received_at_us >= (SELECT from_us FROM asked)
ORDER BY received_at_us DESC, host;
