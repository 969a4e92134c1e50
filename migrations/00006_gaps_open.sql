-- The gaps that are open: each pass looks for them, and read all that there had
-- ever been.

-- +goose Up

CREATE INDEX gaps_open ON gaps (source_id, reason) WHERE recovered_at IS NULL;
