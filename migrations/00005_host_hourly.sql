-- host_hourly could only be read whole: it added up the rollups of all time
-- before it looked at a condition. A condition on hour_number, in hours since
-- 1970, now seeks. The three rollups are one after the other, each without the
-- hours of a host that one before it has, so that no row need be held or sorted.

-- +goose Up

DROP VIEW host_hourly;

CREATE VIEW host_hourly AS
SELECT
  strftime('%Y-%m-%dT%H:00:00Z', k.hour * 3600, 'unixepoch') AS hour,
  h.name AS host,
  COALESCE((
    SELECT SUM(s.ships)
    FROM ship_hours AS s
    WHERE s.hour = k.hour AND s.host_id = k.host_id
  ), 0) AS ships,
  COALESCE((
    SELECT SUM(p.puts)
    FROM put_hours AS p
    WHERE p.hour = k.hour AND p.host_id = k.host_id AND p.status BETWEEN 200 AND 299
  ), 0) AS puts_2xx,
  COALESCE((
    SELECT SUM(p.puts)
    FROM put_hours AS p
    WHERE p.hour = k.hour AND p.host_id = k.host_id AND p.status BETWEEN 400 AND 499
  ), 0) AS puts_4xx,
  COALESCE((
    SELECT SUM(p.puts)
    FROM put_hours AS p
    WHERE p.hour = k.hour AND p.host_id = k.host_id AND p.status BETWEEN 500 AND 599
  ), 0) AS puts_5xx,
  COALESCE((
    SELECT SUM(r.rejections)
    FROM rejection_hours AS r
    WHERE r.hour = k.hour AND r.host_id = k.host_id AND r.reason = 'unstamped'
  ), 0) AS unstamped,
  k.hour AS hour_number
FROM (
  SELECT s.hour, s.host_id
  FROM ship_hours AS s
  WHERE NOT EXISTS (
    SELECT 1
    FROM ship_hours AS o
    WHERE o.hour = s.hour AND o.host_id = s.host_id AND o.source_id < s.source_id
  )
  UNION ALL
  SELECT p.hour, p.host_id
  FROM put_hours AS p
  WHERE NOT EXISTS (
    SELECT 1
    FROM put_hours AS o
    WHERE o.hour = p.hour AND o.host_id = p.host_id AND (o.status, o.source_id) < (p.status, p.source_id)
  )
    AND NOT EXISTS (SELECT 1 FROM ship_hours AS s WHERE s.hour = p.hour AND s.host_id = p.host_id)
  UNION ALL
  SELECT r.hour, r.host_id
  FROM rejection_hours AS r
  WHERE NOT EXISTS (
    SELECT 1
    FROM rejection_hours AS o
    WHERE o.hour = r.hour AND o.host_id = r.host_id AND (o.reason, o.source_id) < (r.reason, r.source_id)
  )
    AND NOT EXISTS (SELECT 1 FROM ship_hours AS s WHERE s.hour = r.hour AND s.host_id = r.host_id)
    AND NOT EXISTS (SELECT 1 FROM put_hours AS p WHERE p.hour = r.hour AND p.host_id = r.host_id)
) AS k
JOIN hosts AS h ON h.id = k.host_id;
