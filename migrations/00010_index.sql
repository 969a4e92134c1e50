-- The open gap of a source that ends last: the detector of silence asks for it
-- in each pass.

-- +goose Up

CREATE INDEX gaps_open_by_end ON gaps (source_id, to_at) WHERE recovered_at IS NULL;
