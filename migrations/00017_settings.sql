-- Thresholds that hold for one host.

-- +goose Up

-- setting is the name of a threshold that an operator set for the host, and value what it
-- was set to: microseconds, a number, or 1 and 0 for on and off. value is NULL from then
-- on if the threshold of the pass holds again. typed is the value as it was typed. The
-- newest row of a host and a setting holds; those before tell what held when.
ALTER TABLE operator_acts ADD COLUMN setting TEXT;

ALTER TABLE operator_acts ADD COLUMN value INTEGER;

ALTER TABLE operator_acts ADD COLUMN typed TEXT;

CREATE INDEX operator_acts_settings ON operator_acts (setting, host) WHERE setting IS NOT NULL;

DROP VIEW operator_log;

CREATE VIEW operator_log AS
SELECT
  strftime('%Y-%m-%dT%H:%M:%S', o.at / 1000000, 'unixepoch')
    || printf('.%06dZ', o.at % 1000000) AS at,
  o.who AS who,
  o.act AS act,
  o.incident_id AS incident_id,
  o.host AS host,
  strftime('%Y-%m-%dT%H:%M:%S', o.until_at / 1000000, 'unixepoch')
    || printf('.%06dZ', o.until_at % 1000000) AS until_at,
  o.setting AS setting,
  o.typed AS value,
  o.note AS note
FROM operator_acts AS o;
