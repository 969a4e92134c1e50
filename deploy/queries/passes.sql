-- How did the last passes go, and what was wrong with those that did not go well?
-- From :since to :until, UTC times like 2026-05-01T10:00:00Z; without them, the last 24 hours.
SELECT
  started_at,
  outcome,
  CAST(ROUND((julianday(finished_at) - julianday(started_at)) * 86400000) AS INTEGER) AS ms,
  index_rows,
  journal_entries,
  quarantined,
  new_alerts,
  error
FROM pass_log
WHERE started_at >= strftime('%Y-%m-%dT%H:%M:%S', COALESCE(:since, datetime('now', '-1 day')))
  AND started_at <= strftime('%Y-%m-%dT%H:%M:%SZ', COALESCE(:until, 'now'))
ORDER BY started_at DESC
LIMIT 100;
