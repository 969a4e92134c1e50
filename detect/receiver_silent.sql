-- receiver-silent: has nobody PUT or shipped for a time in which, by the half hour before
-- it, many PUTs of several hosts should have come?
-- Parameters: :now and :silent_for in microseconds; :silent_puts PUTs of :failing_hosts hosts.
WITH latest AS MATERIALIZED (
  SELECT MAX(
    COALESCE((SELECT MAX(at) FROM puts WHERE at <= :now), 0),
    COALESCE((SELECT MAX(received_at) FROM ships WHERE received_at <= :now), 0)
  ) AS at
),
-- Each PUT is a fact of the journal, and each accepted one a fact of the index as well.
-- Either may be the only source.
heard AS (
  SELECT 'put' AS fact, host_id
  FROM puts
  WHERE at > (SELECT at FROM latest) - 1800000000
    AND at <= (SELECT at FROM latest)
    AND (SELECT at FROM latest) <= :now - :silent_for
  UNION ALL
  SELECT 'ship', host_id
  FROM ships
  JOIN series ON series.id = series_id
  WHERE received_at > (SELECT at FROM latest) - 1800000000
    AND received_at <= (SELECT at FROM latest)
    AND (SELECT at FROM latest) <= :now - :silent_for
)
SELECT
  (SELECT at FROM latest) AS began_at,
  COUNT(*) AS puts,
  COUNT(DISTINCT host_id) AS hosts
FROM heard
GROUP BY fact
HAVING COUNT(DISTINCT host_id) >= :failing_hosts
  AND COUNT(*) * (:now - (SELECT at FROM latest)) >= :silent_puts * 1800000000
ORDER BY puts DESC
LIMIT 1
