-- How did the PUTs of :host go? A row for each run of them that was accepted, or that was not.
-- From :since to :until, UTC times like 2026-05-01T10:00:00Z; without them, the last 24 hours.
WITH of_host AS (
  SELECT
    at_us,
    status,
    status BETWEEN 200 AND 299 AS accepted,
    ROW_NUMBER() OVER (ORDER BY at_us)
      - ROW_NUMBER() OVER (PARTITION BY status BETWEEN 200 AND 299 ORDER BY at_us) AS run
  FROM put_log
  WHERE host = :host
    AND at_us >= unixepoch(COALESCE(:since, datetime('now', '-1 day'))) * 1000000
    AND at_us <= unixepoch(COALESCE(:until, 'now')) * 1000000
)
SELECT
  strftime('%Y-%m-%dT%H:%M:%S', MIN(at_us) / 1000000, 'unixepoch')
    || printf('.%06dZ', MIN(at_us) % 1000000) AS first_at,
  strftime('%Y-%m-%dT%H:%M:%S', MAX(at_us) / 1000000, 'unixepoch')
    || printf('.%06dZ', MAX(at_us) % 1000000) AS last_at,
  CASE WHEN accepted THEN 'accepted' ELSE 'failed' END AS went,
  COUNT(*) AS puts,
  group_concat(DISTINCT status) AS statuses
FROM of_host
GROUP BY accepted, run
ORDER BY first_at;
