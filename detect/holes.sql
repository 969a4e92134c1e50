-- When did the last time end, after the pass before, within a day, in which nobody was heard although many
-- PUTs should have come? The receiver was down meanwhile, or the clock has gone forward.
-- Parameters: :now, :previous, :day and :silent_for in microseconds; :silent_puts PUTs.
WITH heard AS (
  SELECT at
  FROM puts
  WHERE at > MAX(:previous, :now - :day) - 1800000000
    AND at <= :now
  UNION ALL
  SELECT received_at
  FROM ships
  WHERE received_at > MAX(:previous, :now - :day) - 1800000000
    AND received_at <= :now
),
spaced AS (
  SELECT
    at AS ended_at,
    at - LAG(at) OVER (ORDER BY at) AS hole
  FROM heard
)
SELECT ended_at
FROM spaced AS s
WHERE hole >= :silent_for
  AND (
    SELECT COUNT(*)
    FROM heard
    WHERE at > s.ended_at - s.hole - 1800000000
      AND at <= s.ended_at - s.hole
  ) * hole >= :silent_puts * 1800000000
ORDER BY ended_at DESC
LIMIT 1
