-- group-silent: the time at which hosts that are quiet now stopped together, and all hosts
-- that may have stopped then. Hosts that were heard last within ten minutes of each other
-- give the time. A host that was heard last before it may have stopped then, too, if it was
-- not silent at that time by its rhythm: for no longer than half of what makes it silent.
-- Parameters in microseconds: :now, :least, :threshold, :lookback; :group_hosts.
,
stops AS (
  SELECT
    host_id,
    host,
    heard_at,
    silence_limit,
    week,
    before,
    rate
  FROM quiet
  WHERE NOT waits
    AND :now - heard_at <= :lookback
    -- It is late: a slow host by a quarter of a ship, others by half of what makes them silent.
    AND CASE
      WHEN silence_limit IS NULL THEN 2 * (:now - heard_at) > :threshold
      WHEN rate <= 6000 THEN heard_worth > 1250
      ELSE 2 * heard_worth > silence_limit
    END
),
near AS (
  SELECT
    heard_at,
    COUNT(*) OVER (ORDER BY heard_at RANGE BETWEEN 600000000 PRECEDING AND CURRENT ROW) AS hosts
  FROM stops
),
stopped AS (
  SELECT heard_at AS at
  FROM near
  WHERE hosts >= 2
  ORDER BY hosts DESC, heard_at DESC
  LIMIT 1
),
members AS (
  SELECT
    stops.host,
    stopped.at AS stopped_at
  FROM stopped
  CROSS JOIN stops
  LEFT JOIN rhythm_hours AS x ON x.host_id = stops.host_id AND x.slot = (stopped.at / 3600000000 + 72) % 168
  WHERE stops.heard_at BETWEEN stopped.at - 600000000 AND stopped.at + 300000000
    OR stops.heard_at < stopped.at
    AND IIF(
      silence_limit IS NULL,
      stopped.at - stops.heard_at <= 1200000000,
      (stopped.at / 3600000000 + 72) / 168 * week + x.before + x.rate * (stopped.at % 3600000000) / 3600000000
        - (stops.heard_at / 3600000000 + 72) / 168 * week - stops.before - stops.rate * (stops.heard_at % 3600000000) / 3600000000 <= silence_limit / 2
    )
)
SELECT
  host,
  stopped_at
FROM members
ORDER BY host
