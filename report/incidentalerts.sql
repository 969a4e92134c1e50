-- Which alerts were raised for the subject of the incident :id and for its hosts, named in
-- :names, from :from_at up to :until, in microseconds? The newest twenty, newest first.
WITH named AS (
  SELECT value AS host
  FROM json_each(:names)
  UNION
  SELECT subject
  FROM incidents
  WHERE id = :id
)
SELECT
  a.detected_at AS at,
  a.host,
  a.symptom AS fact,
  a.detail
FROM named AS n
CROSS JOIN alerts AS a ON a.host = n.host
WHERE a.detected_at BETWEEN :from_at AND :until
ORDER BY
  a.detected_at DESC,
  a.id DESC
LIMIT 20
