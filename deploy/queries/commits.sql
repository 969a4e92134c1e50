-- When did which host begin to ship from another code commit?
-- :since is a UTC time like 2026-05-01T10:00:00Z; without it, the last 7 days.
WITH ordered AS (
  SELECT
    received_at,
    host,
    code_commit,
    LAG(code_commit) OVER host_order AS commit_before,
    ROW_NUMBER() OVER host_order AS n
  FROM ship_log
  WHERE received_at_us >= unixepoch(COALESCE(:since, datetime('now', '-7 days'))) * 1000000
  WINDOW host_order AS (PARTITION BY host ORDER BY received_at)
)
SELECT
  received_at AS first_at,
  host,
  commit_before,
  code_commit
FROM ordered
WHERE n > 1
  AND code_commit IS NOT commit_before
ORDER BY received_at DESC, host;
