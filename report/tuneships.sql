-- The ships of hosts from :from_at up to :until, in microseconds, in their order. :host is the
-- id of a host, 0 for all that are not retired.
SELECT
  r.host_id AS host_id,
  0 AS kind,
  s.received_at AS n
FROM ships AS s
JOIN series AS r ON r.id = s.series_id
JOIN hosts AS h ON h.id = r.host_id
WHERE s.received_at >= :from_at
  AND s.received_at <= :until
  AND IIF(:host = 0, h.retired_at IS NULL, h.id = :host)
ORDER BY s.received_at
