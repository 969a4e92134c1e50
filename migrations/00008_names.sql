-- Names of hosts are stored in a form that shows itself. SQL cannot tell which do:
-- package store takes this migration out, and makes the change in Go in its place
-- (store/namesmigration.go). Here it only counts as a version.

-- +goose Up
