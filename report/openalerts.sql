-- Which hosts had a symptom open at :until, if the detector looked at :looked_at? An
-- alert's key is that of its hour, so it was raised within one before it was found last.
SELECT host
FROM alerts
WHERE detected_at > :looked_at - 3600000000
  AND detected_at <= :until
  AND last_found_at >= :looked_at
  AND symptom = :symptom
