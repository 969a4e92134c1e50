-- The rollups of days: what the rollups of hours add up to, for windows of months.

-- +goose Up

CREATE TABLE ship_days (
  day     INTEGER NOT NULL,
  host_id INTEGER NOT NULL REFERENCES hosts (id),
  ships   INTEGER NOT NULL,
  PRIMARY KEY (day, host_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE put_days (
  day     INTEGER NOT NULL,
  host_id INTEGER NOT NULL REFERENCES hosts (id),
  status  INTEGER NOT NULL,
  puts    INTEGER NOT NULL,
  PRIMARY KEY (day, host_id, status)
) STRICT, WITHOUT ROWID;

CREATE TABLE rejection_days (
  day        INTEGER NOT NULL,
  host_id    INTEGER NOT NULL REFERENCES hosts (id),
  reason     TEXT NOT NULL,
  rejections INTEGER NOT NULL,
  PRIMARY KEY (day, host_id, reason)
) STRICT, WITHOUT ROWID;

INSERT INTO ship_days (day, host_id, ships)
SELECT hour / 24, host_id, SUM(ships)
FROM ship_hours
GROUP BY hour / 24, host_id;

INSERT INTO put_days (day, host_id, status, puts)
SELECT hour / 24, host_id, status, SUM(puts)
FROM put_hours
GROUP BY hour / 24, host_id, status;

INSERT INTO rejection_days (day, host_id, reason, rejections)
SELECT hour / 24, host_id, reason, SUM(rejections)
FROM rejection_hours
GROUP BY hour / 24, host_id, reason;

-- Triggers keep them so, whatever changes an hour. A day without facts has no row.

-- +goose StatementBegin
CREATE TRIGGER ship_hours_added AFTER INSERT ON ship_hours
BEGIN
  INSERT INTO ship_days (day, host_id, ships)
  VALUES (NEW.hour / 24, NEW.host_id, NEW.ships)
  ON CONFLICT (day, host_id) DO UPDATE SET
    ships = ships + excluded.ships;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER ship_hours_grown AFTER UPDATE OF ships ON ship_hours
BEGIN
  UPDATE ship_days
  SET ships = ships + NEW.ships - OLD.ships
  WHERE day = NEW.hour / 24 AND host_id = NEW.host_id;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER ship_hours_deleted AFTER DELETE ON ship_hours
BEGIN
  UPDATE ship_days
  SET ships = ships - OLD.ships
  WHERE day = OLD.hour / 24 AND host_id = OLD.host_id;
  DELETE FROM ship_days
  WHERE day = OLD.hour / 24 AND host_id = OLD.host_id AND ships <= 0;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER put_hours_added AFTER INSERT ON put_hours
BEGIN
  INSERT INTO put_days (day, host_id, status, puts)
  VALUES (NEW.hour / 24, NEW.host_id, NEW.status, NEW.puts)
  ON CONFLICT (day, host_id, status) DO UPDATE SET
    puts = puts + excluded.puts;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER put_hours_grown AFTER UPDATE OF puts ON put_hours
BEGIN
  UPDATE put_days
  SET puts = puts + NEW.puts - OLD.puts
  WHERE day = NEW.hour / 24 AND host_id = NEW.host_id AND status = NEW.status;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER put_hours_deleted AFTER DELETE ON put_hours
BEGIN
  UPDATE put_days
  SET puts = puts - OLD.puts
  WHERE day = OLD.hour / 24 AND host_id = OLD.host_id AND status = OLD.status;
  DELETE FROM put_days
  WHERE day = OLD.hour / 24 AND host_id = OLD.host_id AND status = OLD.status AND puts <= 0;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER rejection_hours_added AFTER INSERT ON rejection_hours
BEGIN
  INSERT INTO rejection_days (day, host_id, reason, rejections)
  VALUES (NEW.hour / 24, NEW.host_id, NEW.reason, NEW.rejections)
  ON CONFLICT (day, host_id, reason) DO UPDATE SET
    rejections = rejections + excluded.rejections;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER rejection_hours_grown AFTER UPDATE OF rejections ON rejection_hours
BEGIN
  UPDATE rejection_days
  SET rejections = rejections + NEW.rejections - OLD.rejections
  WHERE day = NEW.hour / 24 AND host_id = NEW.host_id AND reason = NEW.reason;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER rejection_hours_deleted AFTER DELETE ON rejection_hours
BEGIN
  UPDATE rejection_days
  SET rejections = rejections - OLD.rejections
  WHERE day = OLD.hour / 24 AND host_id = OLD.host_id AND reason = OLD.reason;
  DELETE FROM rejection_days
  WHERE day = OLD.hour / 24 AND host_id = OLD.host_id AND reason = OLD.reason AND rejections <= 0;
END;
-- +goose StatementEnd
