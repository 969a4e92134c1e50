-- What passes judged by, so that they can be judged again with other thresholds.

-- +goose Up

-- 1 once the incidents that the pass found are stored. sources is JSON that tells which
-- sources it could not judge by, and NULL if all were read to their end.
ALTER TABLE passes ADD COLUMN judged INTEGER NOT NULL DEFAULT 0;

ALTER TABLE passes ADD COLUMN sources TEXT;

UPDATE passes
SET judged = 1
WHERE outcome IN ('ok', 'unread');

-- The thresholds of a pass as JSON. They hold for the passes after it up to the next row.
CREATE TABLE pass_thresholds (
  pass_id    INTEGER PRIMARY KEY,
  thresholds TEXT NOT NULL
) STRICT;

-- A fact that was stored after a pass had judged its time. kind is ship, put, rejection or
-- state, hash that of its line or cursor. after_pass is the last pass that judged without it.
CREATE TABLE late_facts (
  at         INTEGER NOT NULL,
  kind       TEXT NOT NULL,
  hash       INTEGER NOT NULL,
  after_pass INTEGER NOT NULL,
  PRIMARY KEY (at, kind, hash)
) STRICT, WITHOUT ROWID;

CREATE INDEX late_facts_by_pass ON late_facts (after_pass);

-- The clock of the pass that stored the gap, NULL if that was before this column.
ALTER TABLE gaps ADD COLUMN found_at INTEGER;
