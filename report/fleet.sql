-- The fleet, a row per host, troubled hosts first: its last ship, what the
-- window holds of it, and the symptoms that were open at its end. The window is
-- after :since, up to and with :until, in microseconds. Hours from :from_hour to
-- before :to_hour lie in it whole and come from the rollups; what is left at
-- either end, up to :head_to and from :tail_from, comes from the raw rows, and
-- from surplus, which has the time of the last fact of each minute.
-- :slot is the length of one bar of the ships over time, :blind_to the end of
-- the last window before :until in which a source was blind, 0 for none, and
-- :stale how long after a detector looked its answer still counts.
WITH RECURSIVE ends (from_at, to_at) AS (
  VALUES
    (:since + 1, :head_to),
    (:tail_from, :until)
),
shipped AS (
  SELECT
    host_id,
    MAX(0, hour * 3600000000 + 1800000000 - :since) / :slot AS slot,
    ships,
    last_at
  FROM ship_hours
  WHERE hour >= :from_hour AND hour < :to_hour
  UNION ALL
  SELECT
    series.host_id,
    (received_at - 1 - :since) / :slot,
    1,
    received_at
  FROM ends
  JOIN ships ON received_at BETWEEN from_at AND to_at
  JOIN series ON series.id = series_id
),
ship_sums AS (
  SELECT
    host_id,
    SUM(ships) AS ships,
    MAX(last_at) AS last_at,
    group_concat(slot || ' ' || ships) AS slots
  FROM shipped
  GROUP BY host_id
),
answered AS (
  SELECT host_id, status, puts
  FROM put_hours
  WHERE hour >= :from_hour AND hour < :to_hour
  UNION ALL
  SELECT host_id, status, 1
  FROM ends
  JOIN puts ON at BETWEEN from_at AND to_at
  UNION ALL
  SELECT host_id, kind, facts
  FROM ends
  JOIN surplus ON minute BETWEEN from_at / 60000000 AND to_at / 60000000 AND last_at BETWEEN from_at AND to_at
  WHERE typeof(kind) = 'integer'
),
by_status AS (
  SELECT host_id, status, SUM(puts) AS puts
  FROM answered
  GROUP BY host_id, status
),
put_sums AS (
  SELECT
    host_id,
    SUM(puts) FILTER (WHERE status BETWEEN 200 AND 299) AS puts_2xx,
    SUM(puts) FILTER (WHERE status BETWEEN 400 AND 499) AS puts_4xx,
    SUM(puts) FILTER (WHERE status BETWEEN 500 AND 599) AS puts_5xx,
    MAX(puts * 1000 + status) FILTER (WHERE status >= 400) % 1000 AS main_failure
  FROM by_status
  GROUP BY host_id
),
rejected AS (
  SELECT host_id, rejections
  FROM rejection_hours
  WHERE hour >= :from_hour AND hour < :to_hour AND reason = 'unstamped'
  UNION ALL
  SELECT host_id, 1
  FROM ends
  JOIN rejections ON at BETWEEN from_at AND to_at
  JOIN messages ON messages.id = message_id AND reason = 'unstamped'
  UNION ALL
  SELECT host_id, facts
  FROM ends
  JOIN surplus ON minute BETWEEN from_at / 60000000 AND to_at / 60000000 AND last_at BETWEEN from_at AND to_at
  WHERE kind = 'unstamped'
),
rejection_sums AS (
  SELECT host_id, SUM(rejections) AS unstamped
  FROM rejected
  GROUP BY host_id
),
-- When each detector last looked before the window's end. One that has looked
-- since then did so in a pass; that may be pruned, and an older one that is kept
-- is no witness of what was open by then: NULL.
looked AS (
  SELECT
    symptom,
    reach,
    CASE
      WHEN evaluated_at <= :until THEN evaluated_at
      ELSE (SELECT MAX(as_of) FROM passes WHERE as_of BETWEEN :until - :stale AND :until AND outcome = 'ok')
    END AS at
  FROM detectors
),
-- An alert's key is that of its hour, so it was raised within one before it was
-- found last. Without a look, what was found no longer than :stale before counts.
open AS (
  SELECT host, group_concat(symptom, ' ') AS symptoms
  FROM (
    SELECT DISTINCT a.host, a.symptom
    FROM looked AS l
    -- CROSS keeps the order: the detectors, then the alerts of that hour.
    CROSS JOIN alerts AS a
      ON a.detected_at > COALESCE(l.at, :until - :stale) - 3600000000
      AND a.detected_at <= :until
      AND a.last_found_at >= COALESCE(l.at, :until - :stale)
      AND a.symptom = l.symptom
    ORDER BY a.host, a.symptom
  )
  GROUP BY host
),
-- Hosts that have shipped since the window's end, none in one up to now: their
-- last ship before that is in the window, or before it. From the last hour before
-- :since's in which any host has shipped backward, over such hours alone, to one in
-- which this host has.
back (host_id, first_hour, hour) AS (
  SELECT
    id,
    first_seen_at / 3600000000,
    (SELECT MAX(hour) FROM ship_hours WHERE hour >= first_seen_at / 3600000000 AND hour < :since / 3600000000)
  FROM hosts
  WHERE last_ship_at > :until AND first_seen_at <= :until
  UNION ALL
  SELECT
    host_id,
    first_hour,
    (SELECT MAX(s.hour) FROM ship_hours AS s WHERE s.hour >= b.first_hour AND s.hour < b.hour)
  FROM back AS b
  WHERE hour > first_hour
    AND NOT EXISTS (SELECT 1 FROM ship_hours AS s WHERE s.hour = b.hour AND s.host_id = b.host_id)
),
earlier AS (
  SELECT host_id, MAX(last_at) AS last_at
  FROM (
    SELECT b.host_id, s.last_at
    FROM back AS b
    CROSS JOIN ship_hours AS s ON s.hour = b.hour AND s.host_id = b.host_id
    UNION ALL
    SELECT series.host_id, received_at
    FROM ships
    JOIN series ON series.id = series_id
    WHERE received_at >= :since / 3600000000 * 3600000000
      AND received_at <= :since * EXISTS (SELECT 1 FROM back)
  )
  GROUP BY host_id
),
known AS MATERIALIZED (
  SELECT
    h.name AS host,
    CASE
      WHEN h.last_ship_at <= :until THEN h.last_ship_at
      -- of an hour that is pruned, the rollup may know a later one
      ELSE MIN(COALESCE(s.last_at, e.last_at), :until)
    END AS last_ship_at,
    s.ships,
    s.slots,
    p.puts_2xx,
    p.puts_4xx,
    p.puts_5xx,
    p.main_failure,
    r.unstamped,
    open.symptoms
  FROM hosts AS h
  LEFT JOIN ship_sums AS s ON s.host_id = h.id
  LEFT JOIN put_sums AS p ON p.host_id = h.id
  LEFT JOIN rejection_sums AS r ON r.host_id = h.id
  LEFT JOIN earlier AS e ON e.host_id = h.id
  LEFT JOIN open ON open.host = h.name
  WHERE h.first_seen_at <= :until
)
SELECT
  host,
  CASE
    WHEN symptoms = 'silent' THEN 'silent'
    WHEN symptoms IS NOT NULL THEN 'failing'
    WHEN last_ship_at IS NULL THEN 'never'
    WHEN last_ship_at < (SELECT COALESCE(at, :until) - reach FROM looked WHERE symptom = 'silent') THEN 'gone'
    WHEN :blind_to >= last_ship_at THEN 'unknown'
    WHEN COALESCE((SELECT MIN(COALESCE(at, 0)) FROM looked), 0) < :until - :stale THEN 'unknown'
    ELSE 'healthy'
  END AS state,
  last_ship_at,
  COALESCE(ships, 0) AS ships,
  COALESCE(slots, '') AS slots,
  COALESCE(puts_2xx, 0) AS puts_2xx,
  COALESCE(puts_4xx, 0) AS puts_4xx,
  COALESCE(puts_5xx, 0) AS puts_5xx,
  main_failure,
  COALESCE(unstamped, 0) AS unstamped,
  COALESCE(symptoms, '') AS open_symptoms
FROM known
ORDER BY
  CASE
    WHEN symptoms IS NOT NULL THEN 0
    WHEN state = 'unknown' THEN 1
    ELSE 2
  END,
  host
