package store

import (
	"cmp"
	"database/sql/driver"
	"slices"
)

// Rejection is one WARNING of the receiver about a host's PUT.
type Rejection struct {
	At         int64  // microseconds
	CursorHash uint64 // as in a Put
	Host       int32  // index into Batch.Hosts
	Reason     string // ReasonUnstamped or ReasonOther
	Message    string // the text of the receiver, escaped by visible.EscapeUpTo
}

// Reasons of a rejection.
const (
	ReasonUnstamped = "unstamped" // the PUT had no X-Cis490-Code-Commit
	ReasonOther     = "other"
)

const insertRejections = `
INSERT INTO rejections (at, cursor_hash, message_id)`

const mergeRejectionHours = `
INSERT INTO rejection_hours (hour, host_id, reason, source_id, rejections)`

const mergeRejectionHoursConflict = `
ON CONFLICT (hour, host_id, reason, source_id) DO UPDATE SET
  rejections = rejections + excluded.rejections`

// saveRejections stores the rejections that are new, and adds them to rejection_hours.
func (tx *Tx) saveRejections(source int64, rejections []Rejection, hosts []*host) (added int, floods []Flood, err error) {
	if len(rejections) == 0 {
		return 0, nil, nil
	}
	key := func(i int, values []driver.NamedValue) {
		setInts(values, rejections[i].At, int64(rejections[i].CursorHash))
	}
	slices.SortFunc(rejections, compareRejections)
	rejections = slices.CompactFunc(rejections, func(a, b Rejection) bool { return compareRejections(a, b) == 0 })
	rejections, newest, err := dropKnown(tx, rejectionsTable, rejections, key)
	if err != nil {
		return 0, nil, err
	}
	fact := func(i int) quotaFact {
		return quotaFact{rejections[i].At, hosts[rejections[i].Host], kind{reason: rejections[i].Reason}}
	}
	fates, err := tx.fatesOf(rejectionsOfMinute, newest, len(rejections), fact)
	if err != nil {
		return 0, nil, err
	}
	said := newMessages(tx, source)
	messages := make([]*message, len(rejections))
	for i, v := range fates {
		if v == wasKnown {
			continue
		}
		if messages[i], err = said.find(fact(i), rejections[i].Message); err != nil {
			return 0, nil, err
		}
	}
	if err := said.save(); err != nil {
		return 0, nil, err
	}
	rows := rowsOf(fates)
	_, err = tx.insertMany(insertRejections, "", 3, len(rows), func(i int, values []driver.NamedValue) {
		r := &rejections[rows[i]]
		setInts(values, r.At, int64(r.CursorHash), messages[rows[i]].id)
	})
	if err != nil {
		return 0, nil, err
	}
	err = tx.noteLate(lateRejection, len(rows), func(i int) (at, hash int64) { return rejections[rows[i]].At, int64(rejections[rows[i]].CursorHash) })
	if err != nil {
		return 0, nil, err
	}
	return tx.count(source, fates, fact, mergeRejectionHours, mergeRejectionHoursConflict)
}

// compareRejections orders rejections by their key.
func compareRejections(a, b Rejection) int {
	return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(int64(a.CursorHash), int64(b.CursorHash)))
}
