-- How far the raw rows have been pruned, and indexes for what grows for ever.

-- +goose Up

-- A row for each table that has been pruned: ships, puts, rejections, passes.
-- The hours before pruned_before, which is on the hour, live in the rollups
-- alone: their raw rows are gone, or the next steps take them. A fact that old
-- cannot be told from one that is known, and is left out.
CREATE TABLE retention (
  table_name    TEXT PRIMARY KEY,
  pruned_before INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX alerts_by_time ON alerts (detected_at);

-- Without it, each pass that is deleted would look through all alerts for its own.
CREATE INDEX alerts_by_pass ON alerts (pass_id);
