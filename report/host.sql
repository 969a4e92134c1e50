-- One host's history, a row per bucket. :bounds is a JSON array of the times in
-- microseconds at which the buckets begin, and of the end of the last one. Hours
-- before :raw_hour come from the rollups: each lies whole in one bucket. What
-- came later, up to :until, comes from the raw rows, and from surplus, which has
-- the time of the last fact of each minute.
WITH RECURSIVE buckets AS (
  SELECT
    n,
    from_at,
    to_at
  FROM (
    SELECT
      key AS n,
      value AS from_at,
      LEAD(value) OVER (ORDER BY key) AS to_at
    FROM json_each(:bounds)
  )
  WHERE to_at IS NOT NULL
),
-- The hours of the buckets in which there is anything of any host.
hours AS (
  SELECT
    n,
    from_at / 3600000000 AS hour,
    to_at
  FROM buckets
  WHERE from_at / 3600000000 < :raw_hour
    AND (
      EXISTS (SELECT 1 FROM ship_hours WHERE hour >= from_at / 3600000000 AND hour <= (to_at - 1) / 3600000000)
      OR EXISTS (SELECT 1 FROM put_hours WHERE hour >= from_at / 3600000000 AND hour <= (to_at - 1) / 3600000000)
      OR EXISTS (SELECT 1 FROM rejection_hours WHERE hour >= from_at / 3600000000 AND hour <= (to_at - 1) / 3600000000)
    )
  UNION ALL
  SELECT
    n,
    hour + 1,
    to_at
  FROM hours
  WHERE (hour + 1) * 3600000000 < to_at AND hour + 1 < :raw_hour
),
raw_buckets AS (
  SELECT
    n,
    MAX(from_at, :raw_hour * 3600000000) AS from_at,
    to_at
  FROM buckets
  WHERE to_at > :raw_hour * 3600000000
),
-- Before the hour of the first bucket's begin: from the last one in which any host
-- has shipped backward, over such hours alone, to one in which this host has.
back (first_hour, hour) AS (
  SELECT
    first_seen_at / 3600000000,
    (
      SELECT MAX(hour)
      FROM ship_hours
      WHERE hour >= first_seen_at / 3600000000 AND hour < (SELECT MIN(from_at) / 3600000000 FROM buckets)
    )
  FROM hosts
  WHERE id = :host_id
  UNION ALL
  SELECT
    first_hour,
    (SELECT MAX(s.hour) FROM ship_hours AS s WHERE s.hour >= b.first_hour AND s.hour < b.hour)
  FROM back AS b
  WHERE hour > first_hour
    AND NOT EXISTS (SELECT 1 FROM ship_hours AS s WHERE s.hour = b.hour AND s.host_id = :host_id)
),
-- Ships in stretches: an hour's, or one; ships of one time are ordered by their
-- hash, as in the rollup. Those before the first bucket are in one that is not
-- shown: what follows may have changed from their commit. CROSS keeps the order
-- of the joins.
stretches AS (
  SELECT
    -1 AS n,
    s.ships,
    s.first_at,
    s.last_at,
    0 AS line_hash,
    s.longest_gap,
    s.first_commit_id,
    s.last_commit_id,
    s.commit_changes
  FROM back AS b
  CROSS JOIN ship_hours AS s ON s.hour = b.hour AND s.host_id = :host_id
  UNION ALL
  SELECT
    -1,
    1,
    s.received_at,
    s.received_at,
    s.line_hash,
    0,
    r.code_commit_id,
    r.code_commit_id,
    0
  FROM (SELECT MIN(from_at) AS at FROM buckets) AS b
  CROSS JOIN ships AS s ON s.received_at >= b.at / 3600000000 * 3600000000 AND s.received_at < b.at
  CROSS JOIN series AS r ON r.id = s.series_id AND r.host_id = :host_id
  UNION ALL
  SELECT
    h.n,
    s.ships,
    s.first_at,
    s.last_at,
    0 AS line_hash,
    s.longest_gap,
    s.first_commit_id,
    s.last_commit_id,
    s.commit_changes
  FROM hours AS h
  CROSS JOIN ship_hours AS s ON s.hour = h.hour AND s.host_id = :host_id
  UNION ALL
  SELECT
    b.n,
    1,
    s.received_at,
    s.received_at,
    s.line_hash,
    0,
    r.code_commit_id,
    r.code_commit_id,
    0
  FROM raw_buckets AS b
  CROSS JOIN ships AS s ON s.received_at >= b.from_at AND s.received_at < b.to_at AND s.received_at <= :until
  CROSS JOIN series AS r ON r.id = s.series_id AND r.host_id = :host_id
),
followed AS (
  SELECT
    n,
    ships,
    last_at,
    line_hash,
    last_commit_id,
    commit_changes + COALESCE(first_commit_id <> LAG(last_commit_id) OVER in_order, 0) AS commit_changes,
    CASE
      WHEN commit_changes > 0 THEN first_commit_id
      ELSE LAG(last_commit_id) OVER in_order
    END AS commit_before,
    MAX(longest_gap, COALESCE(LEAD(first_at) OVER in_order, :until) - last_at) AS silence
  FROM stretches
  WINDOW in_order AS (ORDER BY first_at, last_at, line_hash)
),
shipped AS (
  SELECT
    n,
    SUM(ships) AS ships,
    SUM(commit_changes) AS commit_changes,
    MAX(silence) AS silence,
    commit_id,
    commit_before
  FROM (
    SELECT
      n,
      ships,
      commit_changes,
      silence,
      FIRST_VALUE(last_commit_id) OVER (PARTITION BY n ORDER BY last_at DESC, line_hash DESC) AS commit_id,
      -- of the last change
      FIRST_VALUE(commit_before) OVER (PARTITION BY n ORDER BY commit_changes > 0 DESC, last_at DESC, line_hash DESC) AS commit_before
    FROM followed
  )
  GROUP BY n
),
answered AS (
  SELECT
    h.n,
    p.status,
    p.puts
  FROM hours AS h
  CROSS JOIN put_hours AS p ON p.hour = h.hour AND p.host_id = :host_id
  UNION ALL
  SELECT
    b.n,
    p.status,
    1
  FROM raw_buckets AS b
  CROSS JOIN puts AS p ON p.at >= b.from_at AND p.at < b.to_at AND p.at <= :until AND p.host_id = :host_id
  UNION ALL
  SELECT
    b.n,
    s.kind,
    s.facts
  FROM raw_buckets AS b
  CROSS JOIN surplus AS s
    ON s.minute BETWEEN b.from_at / 60000000 AND b.to_at / 60000000
    AND s.last_at >= b.from_at AND s.last_at < b.to_at AND s.last_at <= :until
    AND s.host_id = :host_id
  WHERE typeof(s.kind) = 'integer'
),
statuses AS (
  SELECT n, group_concat(status || ' ' || puts) AS statuses
  FROM (
    SELECT n, status, SUM(puts) AS puts
    FROM answered
    GROUP BY n, status
  )
  GROUP BY n
),
rejected AS (
  SELECT n, SUM(rejections) AS unstamped
  FROM (
    SELECT h.n, r.rejections
    FROM hours AS h
    CROSS JOIN rejection_hours AS r ON r.hour = h.hour AND r.host_id = :host_id AND r.reason = 'unstamped'
    UNION ALL
    SELECT b.n, 1
    FROM raw_buckets AS b
    CROSS JOIN rejections AS r ON r.at >= b.from_at AND r.at < b.to_at AND r.at <= :until
    CROSS JOIN messages AS m ON m.id = r.message_id AND m.host_id = :host_id AND m.reason = 'unstamped'
    UNION ALL
    SELECT b.n, s.facts
    FROM raw_buckets AS b
    CROSS JOIN surplus AS s
      ON s.minute BETWEEN b.from_at / 60000000 AND b.to_at / 60000000
      AND s.last_at >= b.from_at AND s.last_at < b.to_at AND s.last_at <= :until
      AND s.host_id = :host_id
    WHERE s.kind = 'unstamped'
  )
  GROUP BY n
),
raised AS (
  SELECT n, group_concat(symptom, ' ') AS symptoms
  FROM (
    SELECT b.n, a.symptom
    FROM alerts AS a
    JOIN buckets AS b ON a.detected_at >= b.from_at AND a.detected_at < b.to_at
    WHERE a.host = :host
    ORDER BY a.detected_at, a.symptom
  )
  GROUP BY n
)
SELECT
  b.from_at,
  b.to_at,
  COALESCE(s.ships, 0) AS ships,
  s.silence,
  c.name AS code_commit,
  COALESCE(s.commit_changes, 0) AS commit_changes,
  CASE WHEN s.commit_changes > 0 THEN COALESCE(o.name, '') END AS commit_before,
  COALESCE(p.statuses, '') AS statuses,
  COALESCE(r.unstamped, 0) AS unstamped,
  COALESCE(a.symptoms, '') AS symptoms
FROM buckets AS b
LEFT JOIN shipped AS s ON s.n = b.n
LEFT JOIN code_commits AS c ON c.id = s.commit_id
LEFT JOIN code_commits AS o ON o.id = s.commit_before
LEFT JOIN statuses AS p ON p.n = b.n
LEFT JOIN rejected AS r ON r.n = b.n
LEFT JOIN raised AS a ON a.n = b.n
ORDER BY b.n
