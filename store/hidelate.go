package store

import (
	"fmt"
	"strings"
)

// lateViews hide the facts that no pass knew yet.
var lateViews = []string{
	lateView("ships", lateShip, "received_at", "line_hash"),
	lateView("puts", latePut, "at", "cursor_hash"),
	lateView("rejections", lateRejection, "at", "cursor_hash"),
	lateView("unit_states", lateState, "at", "cursor_hash"),
	"CREATE TABLE hidden_hours (hour INTEGER PRIMARY KEY)",
	"CREATE TABLE known_hours AS SELECT * FROM recorded.ship_hours LIMIT 0",
	"CREATE INDEX known_hours_by_hour ON known_hours (hour, host_id)",
	`CREATE TEMP VIEW ship_hours AS
	SELECT *
	FROM recorded.ship_hours
	WHERE hour NOT IN (SELECT hour FROM hidden_hours)
	UNION ALL
	SELECT *
	FROM known_hours`,
	`CREATE TABLE late_puts AS
	SELECT f.at / 3600000000 AS hour, f.host_id, f.status, f.source_id, l.after_pass, COUNT(*) AS puts
	FROM recorded.late_facts AS l
	CROSS JOIN recorded.puts AS f ON f.at = l.at AND f.cursor_hash = l.hash
	WHERE l.kind = '` + latePut + `'
	GROUP BY hour, f.host_id, f.status, f.source_id, l.after_pass`,
	"CREATE INDEX late_puts_by_hour ON late_puts (hour, host_id, status, source_id)",
	`CREATE TEMP VIEW put_hours AS
	SELECT
	  hour, host_id, status, source_id,
	  puts - COALESCE((
	    SELECT SUM(l.puts)
	    FROM late_puts AS l
	    WHERE (l.hour, l.host_id, l.status, l.source_id) = (h.hour, h.host_id, h.status, h.source_id)
	      AND l.after_pass >= (SELECT pass FROM main.rerun)
	  ), 0) AS puts
	FROM recorded.put_hours AS h`,
}

// hideLate hides the facts that a pass did not know.
func (f *Feeder) hideLate(pass JudgedPass) error {
	for _, statement := range lateViews {
		if _, err := f.tx.Exec(statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return f.rollHours("after_pass >= ?", pass.ID)
}

// rollHours rolls up again the hours of late ships of which the condition is true.
func (f *Feeder) rollHours(condition string, pass int64) error {
	var hours []int64
	err := f.tx.Select(&hours, "SELECT DISTINCT at / 3600000000 FROM recorded.late_facts WHERE kind = '"+lateShip+"' AND "+condition, pass)
	if err != nil {
		return err
	}
	for _, hour := range hours {
		if _, err := f.tx.Exec("DELETE FROM known_hours WHERE hour = ?1; DELETE FROM hidden_hours WHERE hour = ?1", hour); err != nil {
			return err
		}
		var hidden bool
		err := f.tx.Get(&hidden, `
			SELECT EXISTS (
			  SELECT 1
			  FROM recorded.late_facts
			  WHERE at >= ?1 * 3600000000
			    AND at < (?1 + 1) * 3600000000
			    AND kind = '`+lateShip+`'
			    AND after_pass >= (SELECT pass FROM rerun)
			)`, hour)
		if err != nil {
			return err
		}
		if !hidden {
			continue
		}
		if _, err := f.tx.Exec("INSERT INTO hidden_hours VALUES (?)", hour); err != nil {
			return err
		}
		if _, err := f.tx.Exec(strings.Replace(rebuildShipHours, "INTO ship_hours", "INTO known_hours", 1), hour, hour); err != nil {
			return err
		}
	}
	return nil
}

func lateView(table, kind, at, hash string) string {
	return fmt.Sprintf(`
		CREATE TEMP VIEW %[1]s AS
		SELECT *
		FROM recorded.%[1]s AS f
		WHERE NOT EXISTS (
		  SELECT 1
		  FROM recorded.late_facts AS l
		  WHERE l.at = f.%[3]s
		    AND l.kind = '%[2]s'
		    AND l.hash = f.%[4]s
		    AND l.after_pass >= (SELECT pass FROM main.rerun)
		)`, table, kind, at, hash)
}

// roll rolls up again the hours of which a pass is the first to know all.
func (f *Feeder) roll(JudgedPass) error { return f.rollHours("after_pass = ?", f.last.ID) }
