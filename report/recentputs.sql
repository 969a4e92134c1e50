-- When did each host make PUTs from :from_at, in microseconds, up to :until, and with which
-- status? n is the time. surplus has the time of the last fact of each minute.
SELECT
  host_id,
  status AS kind,
  at AS n
FROM puts
WHERE at BETWEEN :from_at AND :until AND status >= 400
UNION ALL
SELECT
  host_id,
  kind,
  last_at
FROM surplus
WHERE minute BETWEEN :from_at / 60000000 AND :until / 60000000
  AND last_at BETWEEN :from_at AND :until
  AND typeof(kind) = 'integer'
  AND kind >= 400
