-- receiver-silent: has nobody PUT or shipped for a time in which, by the half hour before
-- it, many PUTs of several hosts should have come? If the hosts end their day together, none
-- should: a host whose rhythm knows that half hour should have sent no more than its rhythm
-- says, less the one PUT that may have been due at the end.
-- Parameters: :now and :silent_for in microseconds; :silent_puts PUTs of :failing_hosts hosts.
WITH latest AS MATERIALIZED (
  SELECT MAX(
    COALESCE((SELECT MAX(at) FROM puts WHERE at <= :now), 0),
    COALESCE((SELECT MAX(received_at) FROM ships WHERE received_at <= :now), 0)
  ) AS at
),
-- Each PUT is a fact of the journal, and each accepted one a fact of the index as well.
-- Either may be the only source.
heard AS (
  SELECT 'put' AS fact, host_id
  FROM puts
  WHERE at > (SELECT at FROM latest) - 1800000000
    AND at <= (SELECT at FROM latest)
    AND (SELECT at FROM latest) <= :now - :silent_for
  UNION ALL
  SELECT 'ship', host_id
  FROM ships
  JOIN series ON series.id = series_id
  WHERE received_at > (SELECT at FROM latest) - 1800000000
    AND received_at <= (SELECT at FROM latest)
    AND (SELECT at FROM latest) <= :now - :silent_for
),
counted AS (
  SELECT
    fact,
    host_id,
    COUNT(*) AS puts
  FROM heard
  GROUP BY fact, host_id
),
-- A time is worth what quiet_hosts.sql says.
times AS MATERIALIZED (
  SELECT
    MAX(at - 1800000000, 0) AS from_at,
    at,
    :now AS to_at
  FROM latest
),
worths AS (
  SELECT
    c.fact,
    c.puts,
    c.puts * 1000 * (t.to_at - t.at) / 1800000000 AS by_rate,
    (t.at / 3600000000 + 72) / 168 * r.week + a.before + a.rate * (t.at % 3600000000) / 3600000000
      - (t.from_at / 3600000000 + 72) / 168 * r.week - f.before - f.rate * (t.from_at % 3600000000) / 3600000000 AS half_hour,
    (t.to_at / 3600000000 + 72) / 168 * r.week + n.before + n.rate * (t.to_at % 3600000000) / 3600000000
      - (t.at / 3600000000 + 72) / 168 * r.week - a.before - a.rate * (t.at % 3600000000) / 3600000000 AS by_rhythm
  FROM counted AS c
  CROSS JOIN times AS t
  LEFT JOIN rhythms AS r ON r.host_id = c.host_id AND r.days >= 3
  LEFT JOIN rhythm_hours AS f ON f.host_id = r.host_id AND f.slot = (t.from_at / 3600000000 + 72) % 168
  LEFT JOIN rhythm_hours AS a ON a.host_id = r.host_id AND a.slot = (t.at / 3600000000 + 72) % 168
  LEFT JOIN rhythm_hours AS n ON n.host_id = r.host_id AND n.slot = (t.to_at / 3600000000 + 72) % 168
)
SELECT
  (SELECT at FROM latest) AS began_at,
  SUM(puts) AS puts,
  COUNT(*) AS hosts
FROM worths
GROUP BY fact
HAVING COUNT(*) >= :failing_hosts
  AND SUM(IIF(half_hour >= 500 * puts, MIN(by_rate, MAX(by_rhythm - 1000, 0)), by_rate)) >= 1000 * :silent_puts
ORDER BY puts DESC
LIMIT 1
