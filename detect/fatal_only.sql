-- fatal-only: hosts that PUT in the recent window and got nothing but errors.
-- Parameters: :now and :window in microseconds, :min_count PUTs, :ratio of
-- failures among the answers of class 2xx, 4xx and 5xx.
WITH recent AS (
  SELECT
    host_id,
    COUNT(*) FILTER (WHERE status BETWEEN 200 AND 299) AS puts_2xx,
    COUNT(*) FILTER (WHERE status BETWEEN 400 AND 499) AS puts_4xx,
    COUNT(*) FILTER (WHERE status BETWEEN 500 AND 599) AS puts_5xx
  FROM puts
  WHERE at >= :now - :window
    AND at <= :now
  GROUP BY host_id
)
SELECT
  hosts.name AS host,
  puts_4xx,
  puts_5xx
FROM recent
JOIN hosts ON hosts.id = recent.host_id
WHERE puts_2xx = 0
  AND puts_4xx + puts_5xx >= :min_count
  AND puts_4xx + puts_5xx >= :ratio * (puts_2xx + puts_4xx + puts_5xx)
  AND hosts.retired_at IS NULL
ORDER BY hosts.name
