-- What did operators do about the incident :id, or about its hosts, named in :names, from
-- :from_at up to :until, in microseconds?
SELECT
  at,
  COALESCE(host, '') AS host,
  act AS fact,
  who || IIF(note = '', '', ': ' || note) AS detail
FROM operator_acts
WHERE incident_id = :id
   OR host IN (SELECT value FROM json_each(:names)) AND at BETWEEN :from_at AND :until
ORDER BY id
