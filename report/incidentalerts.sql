-- Which alerts were raised for the hosts of an incident, named in :names, from :from_at up to
-- :until, in microseconds? The newest twenty, newest first.
SELECT
  a.detected_at AS at,
  a.host,
  a.symptom AS fact,
  a.detail
FROM json_each(:names) AS n
CROSS JOIN alerts AS a ON a.host = n.value
WHERE a.detected_at BETWEEN :from_at AND :until
ORDER BY
  a.detected_at DESC,
  a.id DESC
LIMIT 20
