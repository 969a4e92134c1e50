-- The rollups of days are written once, after the day is over.

-- +goose Up

DROP TRIGGER ship_hours_added;

DROP TRIGGER ship_hours_grown;

DROP TRIGGER ship_hours_deleted;

DROP TRIGGER put_hours_added;

DROP TRIGGER put_hours_grown;

DROP TRIGGER put_hours_deleted;

DROP TRIGGER rejection_hours_added;

DROP TRIGGER rejection_hours_grown;

DROP TRIGGER rejection_hours_deleted;

-- The days that have rollups of hours and none of the day: those that are not over, and
-- those of which an hour changed later. All days so far have theirs.
CREATE TABLE open_days (
  day INTEGER PRIMARY KEY
) STRICT, WITHOUT ROWID;
