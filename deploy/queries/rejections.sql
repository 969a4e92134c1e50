-- What did the receiver say of the PUTs that it rejected, of which hosts?
-- From :since to :until, UTC times like 2026-05-01T10:00:00Z; without them, the last 24 hours.
SELECT
  host,
  reason,
  COUNT(*) AS rejections,
  MIN(at) AS first_at,
  MAX(at) AS last_at,
  -- The message of the last: a time has 27 characters.
  substr(MAX(at || message), 28) AS last_message
FROM rejection_log
WHERE at_us >= unixepoch(COALESCE(:since, datetime('now', '-1 day'))) * 1000000
  AND at_us <= unixepoch(COALESCE(:until, 'now')) * 1000000
GROUP BY host, reason
ORDER BY rejections DESC, host, reason;
