-- fatal-only: hosts whose PUTs in the recent window all failed.
-- Parameters: :now and :window in microseconds, :min_count PUTs, :ratio of failures among
-- the answers of class 2xx, 4xx and 5xx.
-- PUTs over the quota of a minute are in surplus, with the time of the last one.
WITH answers AS NOT MATERIALIZED (
  SELECT
    host_id,
    status,
    1 AS puts
  FROM puts
  WHERE at >= :now - :window
    AND at <= :now
  UNION ALL
  SELECT
    host_id,
    kind,
    facts
  FROM surplus
  WHERE minute >= (:now - :window) / 60000000
    AND last_at >= :now - :window
    AND last_at <= :now
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
  COALESCE(SUM(puts) FILTER (WHERE status < 500), 0) AS puts_4xx,
  COALESCE(SUM(puts) FILTER (WHERE status >= 500), 0) AS puts_5xx
FROM answers
JOIN hosts ON hosts.id = answers.host_id
LEFT JOIN own ON own.host = hosts.name
WHERE status BETWEEN 400 AND 599
  AND hosts.retired_at IS NULL
  -- SQLite runs this subquery only if there is a failure; most windows have none.
  AND host_id NOT IN (
    SELECT host_id
    FROM answers
    WHERE status BETWEEN 200 AND 299
  )
GROUP BY hosts.id
HAVING SUM(puts) >= COALESCE(MAX(own.value), :min_count)
  -- Without an accepted PUT the ratio is always 1, as in the predecessor.
  AND SUM(puts) >= :ratio * SUM(puts)
ORDER BY hosts.name
