package report

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cis490/fleet-health/store"
)

// ErrBuckets means that a window cannot be cut into buckets of the requested length.
var ErrBuckets = errors.New("no such buckets")

// bucketLengths are the lengths that a bucket can have, in microseconds, shortest first.
var bucketLengths = []int64{5 * store.Minute, 10 * store.Minute, 15 * store.Minute, 30 * store.Minute, store.Hour, 2 * store.Hour, 3 * store.Hour,
	6 * store.Hour, 12 * store.Hour, 24 * store.Hour, 3 * 24 * store.Hour, 7 * 24 * store.Hour, 28 * 24 * store.Hour}

const (
	// fewestRows is the smallest number of buckets that auto chooses.
	fewestRows = 20
	// mostRows is the largest number of buckets in a listing.
	mostRows = 100_000
)

// BucketNames returns the lengths that Buckets takes, as --bucket names them.
func BucketNames() []string {
	names := []string{"auto"}
	for _, length := range bucketLengths {
		names = append(names, bucketName(length))
	}
	return names
}

func bucketName(length int64) string {
	switch {
	case length < store.Hour:
		return fmt.Sprintf("%dm", length/store.Minute)
	case length < 24*store.Hour:
		return fmt.Sprintf("%dh", length/store.Hour)
	}
	return fmt.Sprintf("%dd", length/(24*store.Hour))
}

// Buckets are the rows of a history.
type Buckets struct {
	Name   string  // such as 1h
	Bounds []int64 // the time of each start in microseconds, and the time after the end of the last bucket
	hourly bool    // each bound but the last is the start of an hour
}

// Buckets cuts a window. name is one of BucketNames. auto is the longest length that
// makes 20 rows. It is at least an hour if the window starts before the horizon, because
// the raw rows before the horizon are pruned. The horizon is in microseconds.
//
// Buckets of less than a day start at whole multiples of their length after midnight in
// zone. Longer buckets start at midnight. If the zone is not whole hours from UTC, buckets
// of an hour or more start at the hour of UTC before that, as the rollups do. The first
// bucket starts at or before the start of the window.
func (w Window) Buckets(name string, zone *time.Location, horizon int64) (b Buckets, err error) {
	length := int64(0)
	for _, l := range bucketLengths {
		if pruned := l < store.Hour && w.Since < horizon; name == "auto" && !pruned && (length == 0 || (w.Until-w.Since)/l >= fewestRows) {
			length = l
		}
		if name == bucketName(l) {
			length = l
		}
	}
	switch {
	case length == 0:
		return b, fmt.Errorf("%w: %q is none of %s", ErrBuckets, name, strings.Join(BucketNames(), ", "))
	case (w.Until-w.Since)/length >= mostRows:
		return b, fmt.Errorf("%w: %s in %s are more than %d rows: take longer ones, or a shorter window", ErrBuckets, bucketName(length),
			Age(w.Until-w.Since), mostRows)
	}
	b.Name, b.hourly = bucketName(length), length >= store.Hour
	for at := w.firstBucket(length, zone); at < w.Until; at = next(at, length, zone) {
		b.Bounds = append(b.Bounds, at)
	}
	b.Bounds = append(b.Bounds, w.Until+1)
	return b, nil
}

// firstBucket returns the start of the bucket that holds the start of the window.
func (w Window) firstBucket(length int64, zone *time.Location) int64 {
	day := Midnight(time.UnixMicro(w.Since+1).In(zone), 0)
	if length >= 24*store.Hour {
		return wholeHour(day.UnixMicro())
	}
	at := w.Since + 1 - day.UnixMicro()
	at = day.UnixMicro() + at/length*length
	if length >= store.Hour {
		at = wholeHour(at)
	}
	return at
}

// next returns the start of the bucket after the one that starts at a time. Days differ
// in length.
func next(at, length int64, zone *time.Location) int64 {
	if length < 24*store.Hour {
		return at + length
	}
	// Noon is on the right day even if the clocks changed at midnight.
	noon := time.UnixMicro(at + 12*store.Hour).In(zone)
	return wholeHour(Midnight(noon, int(length/(24*store.Hour))).UnixMicro())
}

func wholeHour(at int64) int64 { return at / store.Hour * store.Hour }

// Counted returns the window that the buckets count: from the start of the first bucket
// to the end of the window. Before the horizon, in microseconds, only the rollups are
// left, so an hour that is cut there counts as a whole. The error is ErrPruned if the
// buckets are shorter than an hour and start before the horizon.
func (b Buckets) Counted(w Window, horizon int64) (Window, error) {
	w.Since = b.Bounds[0] - 1
	if !b.hourly && b.Bounds[0] < horizon {
		return w, fmt.Errorf("%w: before %s only whole hours are known: take 1h or longer", ErrPruned, Style{}.stamp(horizon))
	}
	return w.Counted(horizon), nil
}

// rawHour returns the first hour that is counted from raw rows, in hours since 1970.
// Each earlier hour lies in one bucket and is counted from the rollups.
func (b Buckets) rawHour(counted Window) int64 {
	if !b.hourly {
		return b.Bounds[0] / store.Hour
	}
	return (counted.Until + 1) / store.Hour
}
