-- receiver-degraded: in the last 15 minutes, has the receiver answered most PUTs of several hosts with a 5xx, and
-- accepted others meanwhile? At the start and at the end of an outage nothing is accepted in between. A minute of
-- tolerance is for uploads that were under way.
-- Parameters: :now, :hour, :day and :failing_for in microseconds; :failing_count PUTs of :failing_hosts hosts, or
-- of all hosts that PUT, if there are fewer.
WITH enough AS MATERIALIZED (
  SELECT MIN(:failing_hosts, MAX(2, COUNT(*))) AS hosts
  FROM hosts
  WHERE last_put_at > :now - :day
),
-- Most fleets have some PUTs that fail, so the rollups of this hour and of the one before are asked first.
suspects AS MATERIALIZED (
  SELECT COUNT(*) AS hosts
  FROM (
    SELECT host_id
    FROM put_hours
    WHERE hour BETWEEN :now / :hour - 1 AND :now / :hour
      AND status BETWEEN 500 AND 599
      AND (SELECT COUNT(*) FROM hosts WHERE last_failed_at > :now - :hour / 4) >= (SELECT hosts FROM enough)
    GROUP BY host_id
    HAVING SUM(puts) >= 2
  )
),
recent AS MATERIALIZED (
  SELECT
    at,
    host_id,
    status
  FROM puts
  WHERE at > IIF((SELECT hosts FROM suspects) >= (SELECT hosts FROM enough), :now - :hour / 4, :now)
    AND at <= :now
),
failing AS MATERIALIZED (
  SELECT
    host_id,
    COUNT(*) FILTER (WHERE status BETWEEN 500 AND 599) AS failed,
    MIN(at) FILTER (WHERE status BETWEEN 500 AND 599) AS first_at,
    MAX(at) FILTER (WHERE status BETWEEN 500 AND 599) AS last_at,
    MAX(status) AS status
  FROM recent
  GROUP BY host_id
  HAVING failed >= 2 AND 2 * failed >= COUNT(*)
)
SELECT
  MIN(first_at) AS began_at,
  SUM(failed) AS puts,
  COUNT(*) AS hosts,
  MAX(last_at) AS last_at,
  MAX(status) AS status
FROM failing
HAVING COUNT(*) >= (SELECT hosts FROM enough)
  AND SUM(failed) >= :failing_count
  AND MAX(last_at) - MIN(first_at) >= :failing_for
  AND EXISTS (
    SELECT 1
    FROM recent
    WHERE status BETWEEN 200 AND 299
      AND at BETWEEN (SELECT MIN(first_at) FROM failing) + 60000000 AND (SELECT MAX(last_at) FROM failing) - 60000000
  )
