-- Where the program was blind, and whether a later pass has read what it missed.
SELECT
  from_at,
  to_at,
  source,
  reason,
  detail,
  recovered_at
FROM gap_log
ORDER BY from_at DESC
LIMIT 50;
