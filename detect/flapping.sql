-- flapping: which slow hosts have paused in most of the last five hours, each time for half of
-- what makes them silent, or more? A fast host is silent in each pause, so it needs no such
-- rule. Slow is a host that ships six times an hour or less.
-- Parameters in microseconds: :now, :hour.
WITH slow AS MATERIALIZED (
  SELECT host_id
  FROM rhythms
  WHERE days >= 3
    AND week BETWEEN 168 * 1000 AND 168 * 6000
),
hours AS (
  SELECT
    host_id,
    hour,
    MIN(first_at) AS first_at,
    MAX(last_at) AS last_at,
    MAX(longest_gap) AS longest_gap
  FROM slow
  JOIN ship_hours USING (host_id)
  WHERE hour BETWEEN :now / :hour - 6 AND :now / :hour
  GROUP BY host_id, hour
),
pauses AS (
  SELECT
    host_id,
    hour,
    MAX(longest_gap, first_at - LAG(last_at) OVER (PARTITION BY host_id ORDER BY hour)) AS pause,
    first_at
  FROM hours
)
SELECT
  h.name AS host,
  COUNT(*) AS pauses,
  MIN(p.first_at) AS began_at
FROM pauses AS p
JOIN hosts AS h ON h.id = p.host_id
JOIN rhythms AS l ON l.host_id = p.host_id
JOIN rhythm_hours AS r ON r.host_id = p.host_id AND r.slot = (p.hour + 72) % 168
WHERE p.hour > :now / :hour - 5
  AND p.first_at > COALESCE(h.expected_from, 0)
  AND h.retired_at IS NULL
  AND r.rate <= 6000
  AND r.rate * p.pause / :hour >= MAX(1700, l.silence_limit / 2)
GROUP BY p.host_id
HAVING COUNT(*) >= 4
ORDER BY h.name
