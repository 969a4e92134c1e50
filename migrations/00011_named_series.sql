-- Which series may go once their ships are pruned.

-- +goose Up

DROP INDEX series_by_day;

ALTER TABLE series DROP COLUMN first_day;

-- 1 once a row of ship_hours has had the commit of the series as its first or last
-- one: then the series stays for as long as its host. A commit that was neither
-- stood in the middle of an hour.
ALTER TABLE series ADD COLUMN named INTEGER NOT NULL DEFAULT 0;

UPDATE series
SET named = 1
WHERE (source_id, host_id, code_commit_id) IN (
  SELECT source_id, host_id, first_commit_id
  FROM ship_hours
  UNION
  SELECT source_id, host_id, last_commit_id
  FROM ship_hours
);

CREATE INDEX series_unnamed ON series (last_day) WHERE named = 0;

DELETE FROM retention WHERE table_name = 'series';
