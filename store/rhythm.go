package store

import (
	"database/sql/driver"
	"slices"
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
	Hour       int64 `db:"hour"` // since 1970
	Ships      int64 `db:"ships"`
	FirstAt    int64 `db:"first_at"`
	LastAt     int64 `db:"last_at"`
	LongestGap int64 `db:"longest_gap"`
}

// DueToLearn returns at most so many hosts whose rhythm was learnt before their last turn, or
// that have none. Each host has its turn in one hour of the day, so a pass learns few of
// them. now is in microseconds.
func (tx *Tx) DueToLearn(now int64, most int) (ids []int64, err error) {
	err = tx.Select(&ids, `
		SELECT h.id
		FROM hosts AS h
		LEFT JOIN rhythms AS r ON r.host_id = h.id
		WHERE h.last_ship_at >= ?1 - ?3
		  AND h.retired_at IS NULL
		  -- The last start of an hour that is h.id modulo 24.
		  AND COALESCE(r.learnt_at, -1) < (?2 - (?2 - h.id % 24 + 24) % 24) * 3600000000
		ORDER BY h.id
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

// ShippedHours returns the hours of one host from one hour to before another, oldest first.
func (tx *Tx) ShippedHours(host, from, to int64) (hours []ShippedHour, err error) {
	find, err := tx.once(`
		WITH RECURSIVE hours (hour) AS (
		  SELECT ?2
		  UNION ALL
		  SELECT hour + 1 FROM hours WHERE hour + 1 < ?3
		)
		SELECT
		  hour,
		  SUM(ships) AS ships,
		  MIN(first_at) AS first_at,
		  MAX(last_at) AS last_at,
		  MAX(longest_gap) AS longest_gap
		FROM hours
		CROSS JOIN ship_hours USING (hour)
		WHERE host_id = ?1
		GROUP BY hour
		ORDER BY hour`)
	if err == nil {
		err = find.Select(&hours, host, from, to)
	}
	return hours, err
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
