-- receiver-down: does PID 1 say that the receiver's unit does not run, for a minute or more, or
-- that it was started again three times in ten minutes? A PUT that was accepted later shows
-- that it runs. It is down since the first change after that PUT, and after the unit last ran
-- for ten minutes; that is looked for in a day.
-- Parameters in microseconds: :now, :day, :minute.
WITH newest AS MATERIALIZED (
  SELECT
    at,
    state,
    detail
  FROM unit_states
  WHERE at <= :now
    AND state NOT IN ('exited', 'killed')
  ORDER BY at DESC, cursor_hash DESC
  LIMIT 1
),
accepted AS MATERIALIZED (
  SELECT COALESCE(MAX(last_accepted_at), 0) AS at
  FROM hosts
),
changes AS MATERIALIZED (
  SELECT
    at,
    state,
    LEAD(at) OVER (ORDER BY at, cursor_hash) AS until
  FROM unit_states
  WHERE at > MAX((SELECT at FROM accepted), :now - :day)
    AND at <= :now
),
restarts AS MATERIALIZED (
  SELECT COUNT(*) AS restarts
  FROM unit_states
  WHERE at > :now - 10 * :minute
    AND at <= :now
    AND state = 'restarting'
)
SELECT
  (
    SELECT COALESCE(MIN(at), newest.at)
    FROM changes
    WHERE at > (
        SELECT COALESCE(MAX(at), 0)
        FROM changes
        WHERE state = 'started'
          AND until - at >= 10 * :minute
      )
      AND state IN ('stopping', 'stopped', 'failed', 'not-started', 'restarting')
  ) AS began_at,
  restarts,
  state,
  detail
FROM newest
CROSS JOIN accepted
CROSS JOIN restarts
WHERE newest.at > accepted.at
  AND (
    state IN ('stopped', 'failed', 'not-started') AND newest.at <= :now - :minute
    OR restarts >= 3
  )
