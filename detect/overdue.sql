-- overdue: which hosts are quiet, and for how much longer than is normal for them?
SELECT
  host,
  ship_at,
  heard_at,
  quiet_from,
  waits,
  in_gap,
  COALESCE(silence_limit, 0) AS silence_limit,
  COALESCE(rate_now, 0) AS rate_now,
  COALESCE(ship_worth, 0) AS ship_worth,
  COALESCE(heard_worth, 0) AS heard_worth
FROM quiet
ORDER BY host_id
