-- Which alerts were raised for :host from :from_at up to :until, in microseconds?
SELECT
  detected_at,
  symptom
FROM alerts
WHERE host = :host AND detected_at >= :from_at AND detected_at <= :until
ORDER BY
  detected_at,
  symptom
