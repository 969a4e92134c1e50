-- The hosts that have not shipped for :least, with what their silence is worth: the ships
-- that should have come meanwhile, in thousandths, by the rhythm that was learnt. NULL if
-- the host is not known for long enough.
-- Parameters in microseconds: :now, :least.
WITH last_ship AS MATERIALIZED (
  SELECT MAX(last_ship_at) AS at
  FROM hosts
),
-- The end of the last gap in which ships may be missing from the index, 0 for none.
blind AS MATERIALIZED (
  SELECT COALESCE(MAX(to_at), 0) AS to_at
  FROM (
    SELECT (
      SELECT MAX(to_at)
      FROM gaps INDEXED BY gaps_open_by_end
      WHERE source_id = sources.id AND recovered_at IS NULL AND to_at <= :now
    ) AS to_at
    FROM sources
    WHERE stream = 'index'
  )
),
heard AS (
  SELECT
    h.id AS host_id,
    h.name AS host,
    h.last_ship_at AS ship_at,
    MAX(h.last_ship_at, COALESCE(h.expected_from, 0), IIF(h.last_ship_at <= (SELECT to_at FROM blind), (SELECT to_at FROM blind), 0)) AS quiet_from,
    COALESCE(h.last_failed_at, 0) AS failed_at,
    -- The host may have shipped in the gap, and no host is known to have shipped after it.
    h.last_ship_at <= (SELECT to_at FROM blind) AND (SELECT at FROM last_ship) <= (SELECT to_at FROM blind) AS waits,
    h.last_ship_at <= (SELECT to_at FROM blind) AS in_gap,
    r.week,
    r.silence_limit
  FROM hosts AS h
  LEFT JOIN rhythms AS r ON r.host_id = h.id AND r.days >= 3
  WHERE h.last_ship_at < :now - :least
    AND h.retired_at IS NULL
    AND h.name <> '(invalid)'
),
-- A time is worth what the host ships in whole weeks before it, in the week up to its
-- hour, and in the part of its hour. 1970 began on a Thursday, a week on Monday.
quiet AS (
  SELECT
    heard.host_id,
    host,
    ship_at,
    MIN(MAX(quiet_from, failed_at), :now) AS heard_at,
    quiet_from,
    waits,
    in_gap,
    silence_limit,
    week,
    p.before,
    p.rate,
    n.rate AS rate_now,
    (:now / 3600000000 + 72) / 168 * week + n.before + n.rate * (:now % 3600000000) / 3600000000
      - (quiet_from / 3600000000 + 72) / 168 * week - s.before - s.rate * (quiet_from % 3600000000) / 3600000000 AS ship_worth,
    (:now / 3600000000 + 72) / 168 * week + n.before + n.rate * (:now % 3600000000) / 3600000000
      - (MAX(quiet_from, failed_at) / 3600000000 + 72) / 168 * week - p.before
      - p.rate * (MAX(quiet_from, failed_at) % 3600000000) / 3600000000 AS heard_worth
  FROM heard
  LEFT JOIN rhythm_hours AS n ON n.host_id = heard.host_id AND n.slot = (:now / 3600000000 + 72) % 168
  LEFT JOIN rhythm_hours AS s ON s.host_id = heard.host_id AND s.slot = (quiet_from / 3600000000 + 72) % 168
  LEFT JOIN rhythm_hours AS p ON p.host_id = heard.host_id AND p.slot = (MAX(quiet_from, failed_at) / 3600000000 + 72) % 168
)
