-- fatal-only: hosts that PUT in the recent window and got nothing but errors.
-- Parameters: :now and :window in microseconds, :min_count PUTs, :ratio of
-- failures among the answers of class 2xx, 4xx and 5xx. PUTs
-- beyond the quota of a minute are in surplus, and have the time of the last of
-- them.
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
  UNION ALL
  SELECT
    host_id,
    TOTAL(facts) FILTER (WHERE kind BETWEEN 200 AND 299),
    TOTAL(facts) FILTER (WHERE kind BETWEEN 400 AND 499),
    TOTAL(facts) FILTER (WHERE kind BETWEEN 500 AND 599)
  FROM surplus
  WHERE minute >= (:now - :window) / 60000000
    AND last_at >= :now - :window
    AND last_at <= :now
  GROUP BY host_id
),
answers AS (
  SELECT
    host_id,
    CAST(SUM(puts_2xx) AS INTEGER) AS puts_2xx,
    CAST(SUM(puts_4xx) AS INTEGER) AS puts_4xx,
    CAST(SUM(puts_5xx) AS INTEGER) AS puts_5xx
  FROM recent
  GROUP BY host_id
)
SELECT
  hosts.name AS host,
  puts_4xx,
  puts_5xx
FROM answers
JOIN hosts ON hosts.id = answers.host_id
WHERE puts_2xx = 0
  AND puts_4xx + puts_5xx >= :min_count
  AND puts_4xx + puts_5xx >= :ratio * (puts_2xx + puts_4xx + puts_5xx)
  AND hosts.retired_at IS NULL
ORDER BY hosts.name
