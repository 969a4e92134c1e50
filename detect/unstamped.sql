-- unstamped: hosts with many PUTs in the recent window that were rejected for a
-- missing X-Cis490-Code-Commit. Parameters: :now and :window in microseconds,
-- :min_count rejections.
SELECT
  hosts.name AS host,
  COUNT(*) AS unstamped
FROM rejections
JOIN hosts ON hosts.id = rejections.host_id
WHERE at >= :now - :window
  AND at <= :now
  AND reason = 'unstamped'
  AND hosts.retired_at IS NULL
GROUP BY hosts.id
HAVING COUNT(*) >= :min_count
ORDER BY hosts.name
