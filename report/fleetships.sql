-- When did each host ship in the head of a window, after :since up to and including
-- :head_to, and in its tail, from :tail_from up to and including :until?
SELECT
  r.host_id,
  s.received_at AS kind,
  1 AS n
FROM (
  SELECT :since + 1 AS from_at, :head_to AS to_at
  UNION ALL
  SELECT :tail_from, :until
)
JOIN ships AS s ON s.received_at BETWEEN from_at AND to_at
JOIN series AS r ON r.id = s.series_id
