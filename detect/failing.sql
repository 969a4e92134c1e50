-- rejected and partial: how has the receiver answered the hosts that failed within a day?
-- Parameters in microseconds: :now, :day.
SELECT
  name AS host,
  COALESCE(last_ship_at, 0) AS ship_at,
  COALESCE(last_accepted_at, 0) AS accepted_at,
  last_failed_at AS failed_at,
  COALESCE(failing_since, 0) AS failing_since,
  COALESCE(first_4xx_at, 0) AS first_4xx_at,
  failed_4xx,
  failed_5xx,
  failed_status AS status,
  recent_answers AS recent,
  COALESCE(expected_from, 0) AS expected_from,
  COALESCE(r.week BETWEEN 1 AND 168 * 1000 - 1, 0) AS slow
FROM hosts AS h
LEFT JOIN rhythms AS r ON r.host_id = h.id
WHERE last_failed_at >= :now - :day
  AND retired_at IS NULL
ORDER BY h.id
