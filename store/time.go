package store

import "time"

// Times in the database are microseconds since 1970-01-01 UTC. These are
// lengths of time in that unit.
const (
	Second int64 = 1_000_000
	Minute       = 60 * Second
	Hour         = 60 * Minute
)

// MaxTime is the last microsecond of the year 9999, the largest time stored.
const MaxTime = 253402300800*Second - 1

// FormatTime writes a time as Python's datetime.isoformat does for UTC, always
// with microseconds: 2026-05-01T06:37:53.830599+00:00. Readers of alerts.jsonl
// parse it with fromisoformat, which before Python 3.11 knows no Z.
func FormatTime(at int64) string {
	return time.UnixMicro(at).UTC().Format("2006-01-02T15:04:05.000000-07:00")
}
