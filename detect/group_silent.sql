-- group-silent: the time at which most of the hosts that are quiet now may have stopped,
-- and those hosts. A host may have stopped up to five minutes before or after it was heard
-- last, or later by no more than is normal for it: the time of 1.5 ships.
-- Parameters in microseconds: :now, :least, :silent; :group_hosts.
,
stops AS (
  SELECT
    host,
    heard_at,
    heard_at - 300000000 AS earliest,
    heard_at + MAX(300000000, IIF(silence_limit IS NULL, 1200000000, MIN(:day, 1500 * 3600000000 / MAX(rate, 1)))) AS latest
  FROM quiet
  WHERE NOT waits
    -- It is quiet for half of the time, at least, that makes it overdue.
    AND IIF(silence_limit IS NULL, 2 * (:now - heard_at) > :threshold, 2 * heard_worth > silence_limit)
    AND :now - heard_at <= :lookback
),
edges AS (
  SELECT earliest AS at, 1 AS hosts
  FROM stops
  UNION ALL
  SELECT latest, -1
  FROM stops
),
best AS (
  SELECT
    at,
    SUM(hosts) OVER (ORDER BY at, hosts DESC ROWS UNBOUNDED PRECEDING) AS hosts
  FROM edges
  ORDER BY 2 DESC, 1 DESC
  LIMIT 1
)
SELECT
  stops.host,
  best.at + 300000000 AS stopped_at
FROM best
JOIN stops ON stops.earliest <= best.at AND stops.latest >= best.at
WHERE best.hosts >= :group_hosts
  -- The times at which fast hosts stopped are known well: two of them must agree.
  AND (
    SELECT COUNT(*)
    FROM stops AS s
    WHERE ABS(s.heard_at - best.at - 300000000) <= 600000000
  ) >= 2
ORDER BY stops.host
