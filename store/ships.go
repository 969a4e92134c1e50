package store

import (
	"cmp"
	"database/sql/driver"
	"slices"
)

// Ship is one accepted episode.
type Ship struct {
	ReceivedAt int64  // microseconds
	LineHash   uint64 // xxhash64 of the index line without its line end
	Series     int32  // index into Batch.Series
}

// shipHour is a row of ship_hours: a summary of the ships of one host and hour.
// rebuildShipHours defines it; mergeShipHours computes it faster while ships come in
// order.
type shipHour struct {
	hour, host             int64
	ships, firstAt, lastAt int64
	silence                int64 // the longest, in microseconds
	changes                int64 // of the code commit
	first, last            *series
}

const insertShips = `
INSERT INTO ships (received_at, series_id, line_hash)`

const mergeShipHours = `
INSERT INTO ship_hours
  (hour, host_id, source_id, ships, first_at, last_at, longest_gap,
   first_commit_id, last_commit_id, commit_changes)`

// mergeShipHoursConflict merges new ships into a row. Ships before its last ship cannot be
// merged: then longest_gap becomes negative, and the row is rebuilt before the transaction
// ends.
const mergeShipHoursConflict = `
ON CONFLICT (hour, host_id, source_id) DO UPDATE SET
  ships = ships + excluded.ships,
  last_at = excluded.last_at,
  longest_gap = CASE
    WHEN excluded.first_at > last_at
    THEN MAX(longest_gap, excluded.longest_gap, excluded.first_at - last_at)
    ELSE -1
  END,
  last_commit_id = excluded.last_commit_id,
  commit_changes = commit_changes + excluded.commit_changes
    + (excluded.first_commit_id <> last_commit_id)`

const unmergedShipHours = `
SELECT COUNT(*)
FROM ship_hours
WHERE hour = ? AND longest_gap < 0`

// rebuildShipHours computes the rollup of one hour from its ships. It defines the
// rollup.
const rebuildShipHours = `
INSERT INTO ship_hours
  (hour, host_id, source_id, ships, first_at, last_at, longest_gap,
   first_commit_id, last_commit_id, commit_changes)
SELECT
  received_at / 3600000000,
  host_id,
  source_id,
  COUNT(*),
  MIN(received_at),
  MAX(received_at),
  COALESCE(MAX(silence), 0),
  first_commit_id,
  last_commit_id,
  COALESCE(SUM(commit_changed), 0)
FROM (
  SELECT
    received_at,
    host_id,
    source_id,
    received_at - LAG(received_at) OVER in_order AS silence,
    code_commit_id <> LAG(code_commit_id) OVER in_order AS commit_changed,
    FIRST_VALUE(code_commit_id) OVER whole_hour AS first_commit_id,
    LAST_VALUE(code_commit_id) OVER whole_hour AS last_commit_id
  FROM ships
  JOIN series ON series.id = series_id
  WHERE received_at >= ? * 3600000000 AND received_at < (? + 1) * 3600000000
  WINDOW
    in_order AS (PARTITION BY host_id, source_id ORDER BY received_at, line_hash),
    whole_hour AS (
      PARTITION BY host_id, source_id ORDER BY received_at, line_hash
      ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    )
)
GROUP BY host_id, source_id`

// nameSeries marks the series that the rollup of an hour names.
const nameSeries = `
UPDATE series
SET named = 1
WHERE named = 0
  AND (source_id, host_id, code_commit_id) IN (
    SELECT source_id, host_id, first_commit_id
    FROM ship_hours
    WHERE hour = ?1
    UNION
    SELECT source_id, host_id, last_commit_id
    FROM ship_hours
    WHERE hour = ?1
  )`

// saveShips stores the ships that are new, and updates ship_hours.
func (tx *Tx) saveShips(source int64, ships []Ship, series []*series) (inserted int, err error) {
	if len(ships) == 0 {
		return 0, nil
	}
	compare := func(a, b Ship) int {
		// This is the order of rebuildShipHours, and nearly that of the key.
		if a.ReceivedAt != b.ReceivedAt {
			return cmp.Compare(a.ReceivedAt, b.ReceivedAt)
		}
		return cmp.Or(cmp.Compare(int64(a.LineHash), int64(b.LineHash)), cmp.Compare(series[a.Series].ID, series[b.Series].ID))
	}
	key := func(i int, values []driver.NamedValue) {
		r := &ships[i]
		setInts(values, r.ReceivedAt, series[r.Series].ID, int64(r.LineHash))
	}
	slices.SortFunc(ships, compare)
	ships = slices.CompactFunc(ships, func(a, b Ship) bool { return compare(a, b) == 0 })
	if ships, _, err = dropKnown(tx, shipsTable, ships, key); err != nil || len(ships) == 0 {
		return 0, err
	}
	if inserted, err = tx.insertMany(insertShips, "", 3, len(ships), key); err != nil {
		return 0, err
	}
	if err := tx.noteLate(lateShip, len(ships), func(i int) (at, hash int64) { return ships[i].ReceivedAt, int64(ships[i].LineHash) }); err != nil {
		return 0, err
	}
	rollup := shipHoursOf(ships, series)
	for _, row := range rollup {
		if err := tx.openDay(row.hour / 24); err != nil {
			return 0, err
		}
	}
	if err := tx.mergeShipHours(source, rollup); err != nil {
		return 0, err
	}
	if err := tx.saveSeries(ships, series, rollup); err != nil {
		return 0, err
	}
	late, err := tx.unmergedHours(touchedHours(len(ships), func(i int) int64 { return ships[i].ReceivedAt }))
	if err != nil {
		return 0, err
	}
	return inserted, tx.rebuildShipHours(late)
}

// shipHoursOf summarises ships by hour and host. The ships must be in order.
func shipHoursOf(ships []Ship, series []*series) (rows []*shipHour) {
	for i := range ships {
		r, of := &ships[i], series[ships[i].Series]
		row := of.host.open
		if hour := r.ReceivedAt / Hour; row == nil || row.hour != hour {
			row = &shipHour{hour: hour, host: of.host.ID, firstAt: r.ReceivedAt, lastAt: r.ReceivedAt, first: of, last: of}
			rows = append(rows, row)
			of.host.open = row
		}
		row.ships++
		row.silence = max(row.silence, r.ReceivedAt-row.lastAt)
		if row.last.commit != of.commit {
			row.changes++
		}
		row.lastAt, row.last = r.ReceivedAt, of
	}
	for _, of := range series {
		if of != nil {
			of.host.open = nil
		}
	}
	slices.SortFunc(rows, func(a, b *shipHour) int {
		return cmp.Or(cmp.Compare(a.hour, b.hour), cmp.Compare(a.host, b.host))
	})
	return rows
}

// mergeShipHours merges new ships into their hours.
func (tx *Tx) mergeShipHours(source int64, rows []*shipHour) error {
	_, err := tx.insertMany(mergeShipHours, mergeShipHoursConflict, 10, len(rows), func(i int, values []driver.NamedValue) {
		r := rows[i]
		setInts(values, r.hour, r.host, source, r.ships, r.firstAt, r.lastAt, r.silence, r.first.commit, r.last.commit, r.changes)
	})
	return err
}

// unmergedHours returns the hours with a row that could not be merged.
func (tx *Tx) unmergedHours(hours []int64) (unmerged []int64, err error) {
	for _, hour := range hours {
		var n int
		if err := tx.Get(&n, unmergedShipHours, hour); err != nil {
			return nil, err
		}
		if n > 0 {
			unmerged = append(unmerged, hour)
		}
	}
	return unmerged, nil
}

// rebuildShipHours recomputes the rollup of some hours from all their ships.
func (tx *Tx) rebuildShipHours(hours []int64) error {
	for _, hour := range hours {
		if _, err := tx.Exec("DELETE FROM ship_hours WHERE hour = ?", hour); err != nil {
			return err
		}
		if _, err := tx.Exec(rebuildShipHours, hour, hour); err != nil {
			return err
		}
		if _, err := tx.Exec(nameSeries, hour); err != nil {
			return err
		}
	}
	return nil
}
