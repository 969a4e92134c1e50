-- How far back from evaluated_at each detector looked, in microseconds: silent
-- does not expect a host whose last ship was before that.

-- +goose Up

ALTER TABLE detectors ADD COLUMN reach INTEGER NOT NULL DEFAULT 86400000000;
