-- receiver-failing: has the receiver answered nobody with a 2xx since some time, and several
-- hosts with a 5xx? Once it is said, slow hosts that are between two PUTs do not end it.
-- Parameters: :now, :day and :failing_for in microseconds; :failing_count PUTs of
-- :failing_hosts hosts, or of all hosts that PUT, if there are fewer.
WITH accepted AS MATERIALIZED (
  SELECT COALESCE(MAX(last_accepted_at), 0) AS at
  FROM hosts
),
newest AS MATERIALIZED (
  SELECT
    MAX(last_failed_at) AS at,
    MAX(last_failed_at) >= :now - 900000000
      OR EXISTS (SELECT 1 FROM incidents WHERE subject = '(receiver)' AND symptom = 'receiver-failing' AND resolved_at IS NULL) AS counts
  FROM hosts
  WHERE failed_5xx > 0
),
-- The first thousand are enough to judge; an outage of a day has a million. A day in which all
-- hosts get a 4xx has none of them, so it is not read.
failed AS MATERIALIZED (
  SELECT
    at,
    host_id,
    status
  FROM puts
  WHERE at > IIF((SELECT counts FROM newest), MAX((SELECT at FROM accepted), :now - :day), :now)
    AND at <= :now
    AND status BETWEEN 500 AND 599
  ORDER BY at
  LIMIT 1000
)
SELECT
  MIN(at) AS began_at,
  COUNT(*) AS puts,
  COUNT(DISTINCT host_id) AS hosts,
  (SELECT at FROM newest) AS last_at,
  MAX(status) AS status
FROM failed
HAVING COUNT(*) >= :failing_count
  AND COUNT(DISTINCT host_id) >= MIN(
    :failing_hosts,
    MAX(2, (SELECT COUNT(*) FROM hosts WHERE last_put_at > :now - :day))
  )
  AND MAX(at) - MIN(at) >= :failing_for
  AND (SELECT counts FROM newest)
