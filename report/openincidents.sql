-- Which incidents were open at :until, in microseconds? The symptom of one may have changed
-- since: that of its last event up to then counts.
SELECT
  i.id,
  i.subject,
  CASE
    WHEN i.last_found_at <= :until THEN i.symptom
    ELSE COALESCE((SELECT e.symptom FROM incident_events AS e WHERE e.incident_id = i.id AND e.at <= :until ORDER BY e.id DESC LIMIT 1), i.symptom)
  END AS symptom,
  i.began_at,
  COALESCE(i.lost_at <= :until, 0) AS lost,
  COALESCE(i.clear_at <= :until, 0) AS recovering,
  COALESCE(i.acked_at <= :until AND i.acked_until > :until, 0) AS acked,
  -- A group is muted if all of its hosts are.
  CASE
    WHEN i.subject = '(group)' THEN NOT EXISTS (
      SELECT 1
      FROM incident_hosts AS j
      LEFT JOIN hosts AS h ON h.name = j.host
      WHERE j.incident_id = i.id AND COALESCE(h.muted_until, 0) <= :until
    )
    ELSE COALESCE((SELECT h.muted_until > :until FROM hosts AS h WHERE h.name = i.subject), 0)
  END AS muted,
  i.explained_by
FROM (
  SELECT *
  FROM incidents
  WHERE resolved_at IS NULL
  UNION ALL
  SELECT *
  FROM incidents
  WHERE resolved_at > :until
) AS i
WHERE i.opened_at <= :until
ORDER BY
  i.began_at,
  i.id
