package store

import "github.com/cis490/fleet-health/store/isotime"

// Times in the database are microseconds since 1970-01-01 UTC. These are lengths of
// time in that unit.
const (
	Second int64 = 1_000_000
	Minute       = 60 * Second
	Hour         = 60 * Minute
)

// MaxTime is the largest time stored.
const MaxTime = isotime.Max
