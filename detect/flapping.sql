-- flapping: which hosts pause now, and have paused in most of the last six hours, each time for two fifths of
-- what makes them silent, or more, and for 17 minutes at least? A restart takes less. A time in which
-- three PUTs failed was no pause.
-- Parameters in microseconds: :now, :hour.
WITH pausing AS MATERIALIZED (
  SELECT
    h.id AS host_id,
    h.name AS host,
    COALESCE(h.expected_from, 0) AS expected_from,
    MAX(1700, l.silence_limit * 2 / 5) AS least
  FROM hosts AS h
  CROSS JOIN rhythms AS l ON l.host_id = h.id
  CROSS JOIN rhythm_hours AS r ON r.host_id = h.id AND r.slot = (:now / :hour + 72) % 168
  WHERE h.last_ship_at BETWEEN :now - 6 * :hour AND :now - :hour * 17 / 60
    AND h.last_ship_at > COALESCE(h.expected_from, 0)
    AND h.retired_at IS NULL
    AND l.days >= 3
    AND l.week >= 168 * 1000
    AND r.rate * (:now - h.last_ship_at) / :hour >= MAX(1700, l.silence_limit * 2 / 5)
),
hours AS (
  SELECT
    p.*,
    s.hour,
    MIN(s.first_at) AS first_at,
    MAX(s.last_at) AS last_at,
    MAX(s.longest_gap) AS longest_gap,
    (
      SELECT COALESCE(SUM(puts), 0)
      FROM put_hours AS f
      WHERE f.hour = s.hour AND f.host_id = p.host_id AND status NOT BETWEEN 200 AND 299
    ) AS failed
  FROM pausing AS p
  CROSS JOIN (VALUES (1), (2), (3), (4), (5), (6), (7)) AS ago
  CROSS JOIN ship_hours AS s ON s.host_id = p.host_id AND s.hour = :now / :hour - ago.column1
  GROUP BY p.host_id, s.hour
),
pauses AS (
  SELECT
    *,
    MAX(longest_gap, first_at - LAG(last_at) OVER (PARTITION BY host_id ORDER BY hour)) AS pause,
    SUM(failed) OVER (PARTITION BY host_id ORDER BY hour ROWS 1 PRECEDING) AS in_vain
  FROM hours
)
SELECT
  p.host,
  COUNT(*) + 1 AS pauses,
  MIN(p.first_at) AS began_at
FROM pauses AS p
CROSS JOIN rhythm_hours AS r ON r.host_id = p.host_id AND r.slot = (p.hour + 72) % 168
WHERE p.hour >= :now / :hour - 5
  AND p.first_at > p.expected_from
  AND p.pause >= :hour * 17 / 60
  AND p.in_vain < 3
  AND r.rate * p.pause / :hour >= p.least
GROUP BY p.host_id
HAVING COUNT(*) >= 3
ORDER BY p.host
