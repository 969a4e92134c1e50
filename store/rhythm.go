package store

import (
	"database/sql/driver"
	"slices"

	"github.com/jmoiron/sqlx"
)

// Slots is the number of hours in a week. Slot 0 is Monday 00:00 UTC.
const Slots = 168

// SlotOf returns the slot of an hour since 1970, which began on a Thursday.
func SlotOf(hour int64) int64 { return (hour + 72) % Slots }

// Rhythm is what a host ships in a week, in thousandths of ships.
type Rhythm struct {
	HostID   int64
	LearntAt int64        // microseconds
	Days     int64        // days that it was learnt from
	Rates    [Slots]int64 // ships in each slot
	Limit    int64        // longest silence that is normal, in ships that should have come
}

// ShippedHour is an hour in which a host shipped. Times are microseconds.
type ShippedHour struct {
	Hour       int64 // since 1970
	Ships      int64
	FirstAt    int64
	LastAt     int64
	LongestGap int64
	// Vain counts the PUTs that were no ships: those of the hour, and of the hours from the
	// ShippedHour before it on.
	Vain int64
}

// DueToLearn returns at most so many hosts that have no rhythm, or whose rhythm was learnt
// before their last turn: those that were learnt longest ago, by id. A host has its turn in one
// hour of the day, and in one of the week once its rhythm is learnt from two weeks. So a pass
// learns few hosts. now is in microseconds.
func (tx *Tx) DueToLearn(now int64, most int) (ids []int64, err error) {
	err = tx.Select(&ids, `
		WITH turns AS (
		  SELECT
		    h.id,
		    COALESCE(r.learnt_at, -1) AS learnt_at,
		    IIF(COALESCE(r.days, 0) < 14, 24, 168) AS period
		  FROM hosts AS h
		  LEFT JOIN rhythms AS r ON r.host_id = h.id
		  WHERE h.last_ship_at >= ?1 - ?3
		    AND h.retired_at IS NULL
		)
		SELECT id
		FROM turns
		-- The last start of an hour that is id / 8 modulo the period: neighbours are read together.
		WHERE learnt_at < (?2 - (?2 - id / 8 % period + period) % period) * 3600000000
		ORDER BY
		  learnt_at,
		  id
		LIMIT ?4`, now, now/Hour, LearnFrom, most)
	return ids, err
}

// AnyUnlearnt reports whether there are hosts to learn from that have no rhythm yet. now is
// in microseconds.
func (tx *Tx) AnyUnlearnt(now int64) (any bool, err error) {
	err = tx.Get(&any, `
		SELECT EXISTS (
		  SELECT 1
		  FROM hosts AS h
		  WHERE h.last_ship_at >= ?
		    AND h.retired_at IS NULL
		    AND h.id NOT IN (SELECT host_id FROM rhythms)
		)`, now-LearnFrom)
	return any, err
}

// LearnFrom is how far back rhythms are learnt from, in microseconds.
const LearnFrom = 28 * 24 * Hour

// ShippedHours returns the hours of the hosts whose ids are first to last, by id, from one hour
// to before another, oldest first. The rows of neighbours are neighbours, too.
func (tx *Tx) ShippedHours(first, last, from, to int64) (map[int64][]ShippedHour, error) {
	found := map[int64][]ShippedHour{}
	params := []any{first, last, from, to}
	err := tx.eachOfHours("host_id, hour, ships, first_at, last_at, longest_gap", "ship_hours", params, func(rows *sqlx.Rows) error {
		var host int64
		var h ShippedHour
		err := rows.Scan(&host, &h.Hour, &h.Ships, &h.FirstAt, &h.LastAt, &h.LongestGap)
		if found[host] == nil {
			found[host] = make([]ShippedHour, to-from)
		}
		found[host][h.Hour-from].add(&h)
		return err
	})
	if err != nil {
		return nil, err
	}
	err = tx.eachOfHours("host_id, hour, puts", "put_hours", params, func(rows *sqlx.Rows) error {
		var host, hour, puts int64
		err := rows.Scan(&host, &hour, &puts)
		if hours := found[host]; hours != nil { // anybody may PUT under a name that never ships
			hours[hour-from].Vain += puts
		}
		return err
	})
	for host, hours := range found {
		before := int64(0)
		for n := range hours {
			h := &hours[n]
			here := max(0, h.Vain-h.Ships) // Vain had all PUTs of the hour
			h.Vain = before + here
			if before += here; h.Ships > 0 {
				before = here
			}
		}
		found[host] = slices.DeleteFunc(hours, func(h ShippedHour) bool { return h.Ships == 0 })
	}
	return found, err
}

// eachOfHours calls each with some columns of the rows of a rollup. params are the first and the
// last id of the hosts, the first hour, and the one after the last.
func (tx *Tx) eachOfHours(columns, rollup string, params []any, each func(*sqlx.Rows) error) error {
	find, err := tx.once(`
		WITH RECURSIVE hours (hour) AS (
		  SELECT ?3
		  UNION ALL
		  SELECT hour + 1 FROM hours WHERE hour + 1 < ?4
		)
		SELECT ` + columns + `
		FROM hours
		CROSS JOIN ` + rollup + ` USING (hour)
		WHERE host_id BETWEEN ?1 AND ?2`)
	if err != nil {
		return err
	}
	rows, err := find.Queryx(params...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// add adds what another source of the index has of the same hour.
func (h *ShippedHour) add(other *ShippedHour) {
	if h.Ships == 0 {
		*h = *other
		return
	}
	h.Ships += other.Ships
	h.FirstAt = min(h.FirstAt, other.FirstAt)
	h.LastAt = max(h.LastAt, other.LastAt)
	h.LongestGap = max(h.LongestGap, other.LongestGap)
}

// SaveRhythms stores what was learnt about some hosts.
func (tx *Tx) SaveRhythms(list []Rhythm) error {
	set, err := tx.once(`
		INSERT INTO rhythms (host_id, learnt_at, days, week, silence_limit)
		VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (host_id) DO UPDATE SET
		  learnt_at = excluded.learnt_at,
		  days = excluded.days,
		  week = excluded.week,
		  silence_limit = excluded.silence_limit`)
	if err != nil {
		return err
	}
	for i := range list {
		r, week := &list[i], int64(0)
		for _, rate := range r.Rates {
			week += rate
		}
		if _, err := set.Exec(r.HostID, r.LearntAt, r.Days, week, r.Limit); err != nil {
			return err
		}
	}
	// A host that is not known for long enough has no hours.
	list = slices.DeleteFunc(slices.Clone(list), func(r Rhythm) bool { return r.Limit == 0 })
	before := int64(0)
	_, err = tx.insertMany(`
		INSERT INTO rhythm_hours (host_id, slot, rate, before)`, `
		ON CONFLICT (host_id, slot) DO UPDATE SET
		  rate = excluded.rate,
		  before = excluded.before`, 4, Slots*len(list), func(i int, values []driver.NamedValue) {
		r, slot := &list[i/Slots], i%Slots
		if slot == 0 {
			before = 0
		}
		setInts(values, r.HostID, int64(slot), r.Rates[slot], before)
		before += r.Rates[slot]
	})
	return err
}

// ExpectFrom makes the silences of all hosts count from a time in microseconds at the
// earliest. A host in trouble by itself stays silent from its last fact on: it did not come
// back.
func (tx *Tx) ExpectFrom(at int64) error {
	_, err := tx.Exec("UPDATE hosts SET expected_from = ?1 WHERE "+notInTrouble, at)
	return err
}

// ExpectHostsFrom does what ExpectFrom does for the hosts of an incident.
func (tx *Tx) ExpectHostsFrom(id, at int64) error {
	_, err := tx.Exec("UPDATE hosts SET expected_from = ?1 WHERE name IN (SELECT host FROM incident_hosts WHERE incident_id = ?2) AND "+notInTrouble, at, id)
	return err
}

// notInTrouble is a condition on a row of hosts: no incident of the host is open that nothing
// explains.
const notInTrouble = `name NOT IN (SELECT subject FROM incidents WHERE resolved_at IS NULL AND explained_by IS NULL)`
