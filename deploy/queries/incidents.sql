-- Which troubles were open, how long did they last, and what explained them?
-- From :since to :until, UTC times like 2026-05-01T10:00:00Z; without them, the last 24 hours.
SELECT
  i.id,
  i.began_at,
  i.duration_s / 60 AS minutes,
  i.subject,
  i.symptom,
  COALESCE(i.resolution, 'open') AS state,
  i.explained_by,
  c.subject || ' ' || c.symptom AS cause,
  i.worst_detail
FROM incident_log AS i
LEFT JOIN incident_log AS c ON c.id = i.explained_by
WHERE i.opened_at_us <= unixepoch(COALESCE(:until, 'now')) * 1000000
  AND (
    i.resolved_at_us IS NULL
    OR i.resolved_at_us >= unixepoch(COALESCE(:since, datetime('now', '-1 day'))) * 1000000
  )
ORDER BY i.began_at_us DESC, i.id DESC;
