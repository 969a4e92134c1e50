-- The last passes, and what was wrong with those that did not go well.
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
ORDER BY started_at DESC
LIMIT 20;
