-- The open gap of a source that ends last, which the detector of silence asks for
-- in each pass; and the quarantined lines that are known.

-- +goose Up

CREATE INDEX gaps_open_by_end ON gaps (source_id, to_at) WHERE recovered_at IS NULL;

-- Quarantined lines that are known, so that one that is read again is not counted
-- again. There are at most 100,000 of a source, and they are pruned by seen_at.
CREATE TABLE quarantine_lines (
  source_id INTEGER NOT NULL REFERENCES sources (id),
  line_hash INTEGER NOT NULL,
  position  INTEGER NOT NULL,
  seen_at   INTEGER NOT NULL,
  PRIMARY KEY (source_id, line_hash, position)
) STRICT, WITHOUT ROWID;

INSERT OR IGNORE INTO quarantine_lines (source_id, line_hash, position, seen_at)
SELECT
  source_id,
  line_hash,
  position,
  seen_at
FROM quarantine;
