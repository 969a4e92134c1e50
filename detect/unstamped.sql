-- unstamped: hosts with many PUTs in the recent window that were rejected for a
-- missing X-Cis490-Code-Commit. Parameters: :now and :window in microseconds,
-- :min_count rejections. The names that stand for many hosts are left out: there
-- is no host to stamp, and fatal-only has their one alert.
SELECT
  hosts.name AS host,
  COUNT(*) AS unstamped
FROM rejections
JOIN hosts ON hosts.id = rejections.host_id
WHERE at >= :now - :window
  AND at <= :now
  AND reason = 'unstamped'
  AND hosts.retired_at IS NULL
  AND hosts.name NOT IN ('(invalid)', '(overflow)')
GROUP BY hosts.id
HAVING COUNT(*) >= :min_count
ORDER BY hosts.name
