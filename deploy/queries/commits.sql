-- When did which host begin to ship from another code commit?
-- From :since to :until, UTC times like 2026-05-01T10:00:00Z; without them, the last 24 hours.
WITH ordered AS (
  SELECT
    received_at_us,
    host,
    code_commit,
    LAG(code_commit) OVER host_order AS commit_before,
    ROW_NUMBER() OVER host_order AS n
  FROM ship_log
  WHERE received_at_us >= unixepoch(COALESCE(:since, datetime('now', '-1 day'))) * 1000000
    AND received_at_us <= unixepoch(COALESCE(:until, 'now')) * 1000000
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
ORDER BY received_at_us DESC, host;
