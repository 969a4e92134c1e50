-- index-stuck: has the receiver answered PUTs of several hosts with a 2xx, and recorded none
-- of them in its index? Its newest row may come a minute after the answer. One host is enough
-- if no other shipped in the hour up to the newest row.
-- Parameters: :now, :day and :stuck_for in microseconds; :stuck_puts PUTs.
WITH newest AS MATERIALIZED (
  SELECT COALESCE(MAX(received_at), 0) AS at
  FROM ships
  WHERE received_at <= :now
),
accepted AS MATERIALIZED (
  SELECT
    at,
    host_id
  FROM puts
  WHERE at > MAX((SELECT at FROM newest) + 60000000, :now - :day)
    AND at <= :now
    AND status BETWEEN 200 AND 299
  ORDER BY at
  LIMIT 1000
)
SELECT
  MIN(at) AS began_at,
  COUNT(*) AS puts,
  COUNT(DISTINCT host_id) AS hosts
FROM accepted
WHERE (SELECT at FROM newest) > 0
HAVING COUNT(*) >= :stuck_puts
  AND (
    COUNT(DISTINCT host_id) >= 2
    OR NOT EXISTS (
      SELECT 1
      FROM ships
      JOIN series ON series.id = series_id
      WHERE received_at > (SELECT at FROM newest) - 3600000000
        AND received_at <= (SELECT at FROM newest)
        AND series.host_id <> (SELECT host_id FROM accepted)
    )
  )
  AND MAX(at) - MIN(at) >= :stuck_for
