// Package isotime reads and writes the times of the receiver's index and of
// alerts.jsonl. It converts between the text of Python's datetime.isoformat and
// microseconds since 1970-01-01 UTC. It imports no other package of the program.
package isotime

import "time"

const (
	second int64 = 1_000_000
	minute       = 60 * second
	hour         = 60 * minute
)

// Max is the last microsecond of the year 9999, the last time that Python can write.
const Max = 253402300800*second - 1

// Format writes a time as Python does for UTC, always with microseconds:
// 2026-05-01T06:37:53.830599+00:00. It does not write Z, which Python's fromisoformat
// rejects before 3.11.
func Format(at int64) string {
	return time.UnixMicro(at).UTC().Format("2006-01-02T15:04:05.000000-07:00")
}
