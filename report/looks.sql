-- When did each detector last look before :until, and how far back? One that has
-- looked since did so in a pass. That pass may be pruned; if the newest that is left
-- is older than :stale, nobody knows what was open: looked_at is NULL.
SELECT
  symptom,
  reach,
  CASE
    WHEN evaluated_at <= :until THEN evaluated_at
    ELSE (SELECT MAX(as_of) FROM passes WHERE as_of BETWEEN :until - :stale AND :until AND outcome = 'ok')
  END AS looked_at
FROM detectors
ORDER BY symptom
