package store

import "github.com/cis490/fleet-health/store/isotime"

// Durations in microseconds. Times in the database are microseconds since 1970-01-01 UTC.
const (
	Second int64 = 1_000_000
	Minute       = 60 * Second
	Hour         = 60 * Minute
)

// MaxTime is the largest time that is stored.
const MaxTime = isotime.Max
