package store

import "database/sql/driver"

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

// rebuildRejectionHours computes the rollup of one hour from its rejections.
// It is the rollup's definition.
const rebuildRejectionHours = `
INSERT INTO rejection_hours (hour, host_id, reason, source_id, rejections)
SELECT
  at / 3600000000,
  host_id,
  reason,
  source_id,
  COUNT(*)
FROM rejections
WHERE at >= ? * 3600000000 AND at < (? + 1) * 3600000000
GROUP BY host_id, reason, source_id`

// saveRejections stores rejections, and brings rejection_hours to what the
// rows now say.
func (tx *Tx) saveRejections(source int64, rejections []Rejection, hosts []*host) (inserted int, err error) {
	if len(rejections) == 0 {
		return 0, nil
	}
	inserted, err = tx.insertMany(insertRejections, " ON CONFLICT DO NOTHING", 6, len(rejections), func(i int, values []driver.NamedValue) {
		r := &rejections[i]
		setInts(values, r.At, int64(r.CursorHash), hosts[r.Host].ID)
		values[3].Value, values[4].Value, values[5].Value = r.Reason, r.Message, source
	})
	if err != nil {
		return 0, err
	}
	if inserted < len(rejections) {
		hours := touchedHours(len(rejections), func(i int) int64 { return rejections[i].At })
		return inserted, tx.rebuildHours("rejection_hours", rebuildRejectionHours, hours)
	}
	counts := map[hourKey]int64{}
	for _, r := range rejections {
		counts[hourKey{r.At / Hour, hosts[r.Host].ID, r.Reason}]++
	}
	return inserted, tx.mergeCounts(mergeRejectionHours, mergeRejectionHoursConflict, source, counts)
}
