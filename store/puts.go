package store

import (
	"cmp"
	"database/sql/driver"
	"slices"
)

// Put is one PUT access line of the receiver.
type Put struct {
	At         int64  // microseconds
	CursorHash uint64 // xxhash64 of the journal entry's cursor, plus the index of the line in the entry
	Host       int32  // index into Batch.Hosts
	Status     int32  // HTTP status code
	Client     int32  // index into Batch.Clients plus one; 0 if the address is not known
}

const insertPuts = `
INSERT INTO puts (at, cursor_hash, host_id, status, source_id)`

const mergePutHours = `
INSERT INTO put_hours (hour, host_id, status, source_id, puts)`

const mergePutHoursConflict = `
ON CONFLICT (hour, host_id, status, source_id) DO UPDATE SET
  puts = puts + excluded.puts`

// savePuts stores the PUTs that are new, and adds them to put_hours.
func (tx *Tx) savePuts(source int64, puts []Put, hosts []*host) (added int, floods []Flood, err error) {
	if len(puts) == 0 {
		return 0, nil, nil
	}
	key := func(i int, values []driver.NamedValue) { setInts(values, puts[i].At, int64(puts[i].CursorHash)) }
	slices.SortFunc(puts, comparePuts)
	puts = slices.CompactFunc(puts, func(a, b Put) bool { return comparePuts(a, b) == 0 })
	puts, newest, err := dropKnown(tx, putsTable, puts, key)
	if err != nil {
		return 0, nil, err
	}
	fact := func(i int) quotaFact {
		return quotaFact{puts[i].At, hosts[puts[i].Host], kind{status: int64(puts[i].Status)}}
	}
	fates, err := tx.fatesOf(putsOfMinute, newest, len(puts), fact)
	if err != nil {
		return 0, nil, err
	}
	tx.foldPuts(puts, fates, hosts)
	rows := rowsOf(fates)
	_, err = tx.insertMany(insertPuts, "", 5, len(rows), func(i int, values []driver.NamedValue) {
		r := &puts[rows[i]]
		setInts(values, r.At, int64(r.CursorHash), hosts[r.Host].ID, int64(r.Status), source)
	})
	if err != nil {
		return 0, nil, err
	}
	if err := tx.noteLate(latePut, len(rows), func(i int) (at, hash int64) { return puts[rows[i]].At, int64(puts[rows[i]].CursorHash) }); err != nil {
		return 0, nil, err
	}
	return tx.count(source, fates, fact, mergePutHours, mergePutHoursConflict)
}

// comparePuts orders PUTs by their key.
func comparePuts(a, b Put) int {
	if a.At != b.At {
		return cmp.Compare(a.At, b.At)
	}
	return cmp.Compare(int64(a.CursorHash), int64(b.CursorHash))
}
