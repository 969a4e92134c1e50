-- Which hosts had a symptom open at :until, if the detector last looked at :looked_at? An
-- alert is found again only within the hour of its key, so older alerts cannot be open.
SELECT host
FROM alerts
WHERE detected_at > :looked_at - 3600000000
  AND detected_at <= :until
  AND last_found_at >= :looked_at
  AND symptom = :symptom
