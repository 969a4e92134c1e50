package store

import (
	"cmp"
	"database/sql/driver"
	"slices"
)

// Rejection is one WARNING of the receiver about a host's PUT.
type Rejection struct {
	At         int64  // microseconds
	CursorHash uint64 // as of a Put
	Host       int32  // index into Batch.Hosts
	Reason     string // ReasonUnstamped or ReasonOther
	Message    string // valid UTF-8, as the receiver wrote it, cut to a bounded length
}

// Reasons of a rejection.
const (
	ReasonUnstamped = "unstamped" // the PUT had no X-Cis490-Code-Commit
	ReasonOther     = "other"
)

const insertRejections = `
INSERT INTO rejections (at, cursor_hash, host_id, reason, message, source_id)`

const mergeRejectionHours = `
INSERT INTO rejection_hours (hour, host_id, reason, source_id, rejections)`

const mergeRejectionHoursConflict = `
ON CONFLICT (hour, host_id, reason, source_id) DO UPDATE SET
  rejections = rejections + excluded.rejections`

// saveRejections stores the rejections that are not known, and adds them to
// rejection_hours.
func (tx *Tx) saveRejections(source int64, rejections []Rejection, hosts []*host) (inserted int, err error) {
	if len(rejections) == 0 {
		return 0, nil
	}
	key := func(i int, values []driver.NamedValue) {
		setInts(values, rejections[i].At, int64(rejections[i].CursorHash))
	}
	slices.SortFunc(rejections, compareRejections)
	rejections = slices.CompactFunc(rejections, func(a, b Rejection) bool { return compareRejections(a, b) == 0 })
	if rejections, err = dropKnown(tx, rejectionsTable, rejections, key); err != nil {
		return 0, err
	}
	inserted, err = tx.insertMany(insertRejections, "", 6, len(rejections), func(i int, values []driver.NamedValue) {
		r := &rejections[i]
		setInts(values, r.At, int64(r.CursorHash), hosts[r.Host].ID)
		values[3].Value, values[4].Value, values[5].Value = r.Reason, r.Message, source
	})
	if err != nil {
		return 0, err
	}
	counts := map[hourKey]int64{}
	for _, r := range rejections {
		counts[hourKey{r.At / Hour, hosts[r.Host].ID, r.Reason}]++
	}
	return inserted, tx.mergeCounts(mergeRejectionHours, mergeRejectionHoursConflict, source, counts)
}

// compareRejections orders rejections by their key.
func compareRejections(a, b Rejection) int {
	return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(int64(a.CursorHash), int64(b.CursorHash)))
}
