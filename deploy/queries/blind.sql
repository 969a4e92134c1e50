-- Where was the program blind, and has a later pass read what it missed?
-- From :since to :until, UTC times like 2026-05-01T10:00:00Z; without them, the last 24 hours.
SELECT
  from_at,
  to_at,
  source,
  reason,
  detail,
  recovered_at
FROM gap_log
WHERE to_at >= strftime('%Y-%m-%dT%H:%M:%S', COALESCE(:since, datetime('now', '-1 day')))
  AND from_at <= strftime('%Y-%m-%dT%H:%M:%SZ', COALESCE(:until, 'now'))
ORDER BY from_at DESC
LIMIT 100;
