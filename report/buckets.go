package report

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cis490/fleet-health/store"
)

// ErrBuckets: a window cannot be cut into such buckets.
var ErrBuckets = errors.New("no such buckets")

// bucketLengths are those that a window can be cut into, in microseconds, the
// shortest first.
var bucketLengths = []int64{5 * store.Minute, 10 * store.Minute, 15 * store.Minute, 30 * store.Minute, store.Hour, 2 * store.Hour, 3 * store.Hour,
	6 * store.Hour, 12 * store.Hour, 24 * store.Hour, 3 * 24 * store.Hour, 7 * 24 * store.Hour, 28 * 24 * store.Hour}

const (
	// fewestRows is how many buckets are aimed at, at least.
	fewestRows = 20
	// mostRows is how many a listing may have.
	mostRows = 100_000
)

// BucketNames are the lengths that Buckets takes, as --bucket names them.
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
	Name   string  // like 1h
	Bounds []int64 // the times in microseconds at which they begin, and behind the end of the last one
	hourly bool    // each bound but the last is that of an hour
}

// Buckets cuts a window. name is one of BucketNames; auto is the longest that
// makes 20 rows, but whole hours where raw rows from before kept, in microseconds,
// would be needed: they are not there any more. The first bucket begins at or before the window, on a whole
// multiple of its length since the day's begin in zone; days and more begin
// with a day, or at the hour of UTC before it where the zone is not whole hours.
func (w Window) Buckets(name string, zone *time.Location, kept int64) (b Buckets, err error) {
	length := int64(0)
	for _, l := range bucketLengths {
		if pruned := l < store.Hour && w.Since < kept; name == "auto" && !pruned && (length == 0 || (w.Until-w.Since)/l >= fewestRows) {
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

// firstBucket is where the bucket begins that holds the window's first fact.
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

// next is where the bucket after that of at begins: days are not all as long.
func next(at, length int64, zone *time.Location) int64 {
	if length < 24*store.Hour {
		return at + length
	}
	// Noon is on the day, whatever the clocks did in the night.
	noon := time.UnixMicro(at + 12*store.Hour).In(zone)
	return wholeHour(Midnight(noon, int(length/(24*store.Hour))).UnixMicro())
}

func wholeHour(at int64) int64 { return at / store.Hour * store.Hour }

// Counted is what the buckets of a window count: from the begin of the first, up
// to the window's end. Raw rows before kept, in microseconds, are not there any
// more, and the rollups know whole hours.
func (b Buckets) Counted(w Window, kept int64) (Window, error) {
	w.Since = b.Bounds[0] - 1
	if !b.hourly && b.Bounds[0] < kept {
		return w, fmt.Errorf("%w: before %s only whole hours are known: take 1h or longer", ErrPruned, Style{}.stamp(kept))
	}
	return w.Counted(kept), nil
}

// rawHour is the first hour since 1970 that raw rows answer for: those before it
// lie whole in one bucket, and the rollups have them.
func (b Buckets) rawHour(counted Window) int64 {
	if !b.hourly {
		return b.Bounds[0] / store.Hour
	}
	return (counted.Until + 1) / store.Hour
}
