-- unstamped: hosts with many PUTs in the recent window that were rejected because
-- X-Cis490-Code-Commit was missing.
-- Parameters: :now and :window in microseconds, :min_count rejections.
-- Names that stand for many hosts are left out: there is no host to stamp, and fatal-only
-- alerts about them.
-- Rejections over the quota of a minute are in surplus, with the time of the last one.
WITH recent AS (
  SELECT
    host_id,
    COUNT(*) AS unstamped
  FROM rejections
  JOIN messages ON messages.id = message_id
  WHERE at >= :now - :window
    AND at <= :now
    AND reason = 'unstamped'
  GROUP BY host_id
  UNION ALL
  SELECT
    host_id,
    SUM(facts)
  FROM surplus
  WHERE minute >= (:now - :window) / 60000000
    AND last_at >= :now - :window
    AND last_at <= :now
    AND kind = 'unstamped'
  GROUP BY host_id
),
own AS MATERIALIZED (
  SELECT
    host,
    value,
    MAX(id)
  FROM operator_acts
  WHERE setting = 'fatal-min-count' AND at <= :now
  GROUP BY host
)
SELECT
  hosts.name AS host,
  SUM(unstamped) AS unstamped
FROM recent
JOIN hosts ON hosts.id = recent.host_id
LEFT JOIN own ON own.host = hosts.name
WHERE hosts.retired_at IS NULL
  AND hosts.name NOT IN ('(invalid)', '(overflow)')
GROUP BY hosts.id
HAVING SUM(unstamped) >= COALESCE(MAX(own.value), :min_count)
ORDER BY hosts.name
