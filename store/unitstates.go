package store

import (
	"cmp"
	"database/sql"
	"database/sql/driver"
	"errors"
	"slices"
)

// UnitChange is an entry of PID 1 about the receiver's unit.
type UnitChange struct {
	At         int64  // microseconds
	CursorHash uint64 // xxhash64 of the journal entry's cursor
	State      string // one of the constants below
	Detail     string // the message of PID 1, escaped by visible.EscapeUpTo
}

// States of the receiver's unit. A crash gives exited, failed and restarting, in this
// order. UnitExited and UnitKilled are about one of its processes: the unit itself may go
// on.
const (
	UnitStarting   = "starting"
	UnitStarted    = "started"
	UnitStopping   = "stopping"
	UnitStopped    = "stopped"
	UnitFailed     = "failed"      // with a result, such as exit-code or oom-kill
	UnitNotStarted = "not-started" // its start failed, or was skipped
	UnitRestarting = "restarting"  // an automatic restart is scheduled
	UnitExited     = "exited"      // a process ended with an error or by a signal
	UnitKilled     = "killed"      // a process was killed because memory ran out
)

// statesPerMinute is the number of first changes of a minute that are kept, besides the
// newest one. A crash and its restart are five.
const statesPerMinute = 20

const insertUnitStates = `
INSERT INTO unit_states (at, cursor_hash, source_id, state, detail)`

const insertUnitStatesConflict = `
ON CONFLICT (at, cursor_hash) DO NOTHING`

// trimUnitStates keeps the first n changes of a minute and the newest one. The result does
// not depend on the order in which they were read.
const trimUnitStates = `
DELETE FROM unit_states
WHERE (at, cursor_hash) IN (
  SELECT at, cursor_hash
  FROM (
    SELECT
      at,
      cursor_hash,
      ROW_NUMBER() OVER (ORDER BY at, cursor_hash) AS place,
      COUNT(*) OVER () AS places
    FROM unit_states
    WHERE at >= ?1 * 60000000 AND at < (?1 + 1) * 60000000
  )
  WHERE place > ?2 AND place < places
)`

// saveUnitChanges stores the changes of a batch that are new.
func (tx *Tx) saveUnitChanges(source int64, changes []UnitChange) error {
	if len(changes) == 0 {
		return nil
	}
	slices.SortFunc(changes, func(a, b UnitChange) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(int64(a.CursorHash), int64(b.CursorHash)))
	})
	if err := tx.noteLateStates(changes); err != nil {
		return err
	}
	_, err := tx.insertMany(insertUnitStates, insertUnitStatesConflict, 5, len(changes), func(i int, values []driver.NamedValue) {
		c := &changes[i]
		setInts(values, c.At, int64(c.CursorHash), source)
		values[3].Value, values[4].Value = c.State, c.Detail
	})
	if err != nil {
		return err
	}
	trim, err := tx.once(trimUnitStates)
	for i := 0; i < len(changes) && err == nil; i++ {
		if minute := changes[i].At / Minute; i == 0 || minute != changes[i-1].At/Minute {
			_, err = trim.Exec(minute, statesPerMinute)
		}
	}
	return err
}

// UnitState returns the newest state of the receiver's unit at or before a time, and since
// when PID 1 said so, both times in microseconds. It returns "" if the journal never said
// anything. It is never UnitExited or UnitKilled.
func (tx *Tx) UnitState(at int64) (state string, since int64, err error) {
	err = tx.QueryRow(`
		SELECT state, at
		FROM unit_states
		WHERE at <= ? AND state NOT IN (?, ?)
		ORDER BY at DESC, cursor_hash DESC
		LIMIT 1`, at, UnitExited, UnitKilled).Scan(&state, &since)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return state, since, err
}

// UnitRestarts returns how often the receiver's unit failed, and how often an automatic
// restart was scheduled, in a time from (inclusive) to (exclusive), in microseconds. At
// most 21 changes of a minute are known.
func (tx *Tx) UnitRestarts(from, to int64) (failures, restarts int, err error) {
	err = tx.QueryRow(`
		SELECT
		  COUNT(*) FILTER (WHERE state = ?),
		  COUNT(*) FILTER (WHERE state = ?)
		FROM unit_states
		WHERE at >= ? AND at < ?`, UnitFailed, UnitRestarting, from, to).Scan(&failures, &restarts)
	return failures, restarts, err
}
