-- When did each detector last look up to :until, and how far back? If a detector has looked
-- again since, its last look was in the last good pass before :until. If no such pass is
-- left within :stale microseconds, looked_at is NULL.
SELECT
  symptom,
  reach,
  CASE
    WHEN evaluated_at <= :until THEN evaluated_at
    ELSE (SELECT MAX(as_of) FROM passes WHERE as_of BETWEEN :until - :stale AND :until AND outcome = 'ok')
  END AS looked_at
FROM detectors
ORDER BY symptom
