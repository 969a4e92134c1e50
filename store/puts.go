package store

import (
	"cmp"
	"database/sql/driver"
	"fmt"
	"maps"
	"slices"
)

// Put is one PUT access line of the receiver.
type Put struct {
	At         int64  // microseconds
	CursorHash uint64 // xxhash64 of the journal entry's cursor; one more for each further line of the entry
	Host       int32  // index into Batch.Hosts
	Status     int32  // HTTP status code
}

const insertPuts = `
INSERT INTO puts (at, cursor_hash, host_id, status, source_id)`

const mergePutHours = `
INSERT INTO put_hours (hour, host_id, status, source_id, puts)`

const mergePutHoursConflict = `
ON CONFLICT (hour, host_id, status, source_id) DO UPDATE SET
  puts = puts + excluded.puts`

// savePuts stores the PUTs that are not known, and adds them to put_hours.
func (tx *Tx) savePuts(source int64, puts []Put, hosts []*host) (inserted int, err error) {
	if len(puts) == 0 {
		return 0, nil
	}
	key := func(i int, values []driver.NamedValue) { setInts(values, puts[i].At, int64(puts[i].CursorHash)) }
	slices.SortFunc(puts, comparePuts)
	puts = slices.CompactFunc(puts, func(a, b Put) bool { return comparePuts(a, b) == 0 })
	if puts, err = dropKnown(tx, putsTable, puts, key); err != nil {
		return 0, err
	}
	inserted, err = tx.insertMany(insertPuts, "", 5, len(puts), func(i int, values []driver.NamedValue) {
		r := &puts[i]
		setInts(values, r.At, int64(r.CursorHash), hosts[r.Host].ID, int64(r.Status), source)
	})
	if err != nil {
		return 0, err
	}
	counts := map[hourKey]int64{}
	for _, r := range puts {
		counts[hourKey{r.At / Hour, hosts[r.Host].ID, int64(r.Status)}]++
	}
	return inserted, tx.mergeCounts(mergePutHours, mergePutHoursConflict, source, counts)
}

// comparePuts orders PUTs by their key.
func comparePuts(a, b Put) int {
	if a.At != b.At {
		return cmp.Compare(a.At, b.At)
	}
	return cmp.Compare(int64(a.CursorHash), int64(b.CursorHash))
}

// hourKey is what a rollup counts by: an hour, a host, and a status or reason.
type hourKey struct {
	hour, host int64
	kind       any // int64 or string
}

// mergeCounts adds counts of rows, all of them new, to a rollup.
func (tx *Tx) mergeCounts(insert, conflict string, source int64, counts map[hourKey]int64) error {
	keys := slices.SortedFunc(maps.Keys(counts), func(a, b hourKey) int {
		return cmp.Or(cmp.Compare(a.hour, b.hour), cmp.Compare(a.host, b.host), cmp.Compare(fmt.Sprint(a.kind), fmt.Sprint(b.kind)))
	})
	_, err := tx.insertMany(insert, conflict, 5, len(keys), func(i int, values []driver.NamedValue) {
		k := keys[i]
		setInts(values, k.hour, k.host, 0, source, counts[k])
		values[2].Value = k.kind
	})
	return err
}
