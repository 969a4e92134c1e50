package load

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/cis490/fleet-health/store"
)

// BenchmarkRetention compares passes that prune with passes that keep all rows. Steady
// passes over a history of 1,000,000 rows add 1,000 rows and 1,000 journal entries and
// prune as many. Then --retention-days makes 1,000,000 rows old at once, and passes run
// until all are deleted and the file is small.
func BenchmarkRetention(b *testing.B) {
	t := newBed(b)
	const days, hours = 10, 40 // hours at the start of the history; each steady pass prunes one
	begin := t.now.Add(-days * 24 * time.Hour)
	t.appendIndex(t.index, hours*1000, 50, begin.Add(hours*time.Hour), hours*time.Hour)
	t.appendJournal(hours*1000, 50, begin.Add(hours*time.Hour), hours*time.Hour)
	t.appendIndex(t.index, 1_000_000, 50, t.now, (days*24-hours)*time.Hour)
	t.appendJournal(20_000, 50, t.now, 24*time.Hour)
	path := func(name string) string { return filepath.Join(t.dir, name) }
	warm, keeping, pruning, backlog := path("warm.db"), path("keeping.db"), path("pruning.db"), path("backlog.db")
	for _, db := range []string{warm, keeping, pruning, backlog} {
		t.retain(db, 0)
	}
	// The first process after the files have grown is slower, so run another pass first.
	grow := func(by time.Duration) func() used {
		return func() used {
			t.now = t.now.Add(by)
			t.appendIndex(t.index, 1000, 50, t.now, by)
			t.appendJournal(1000, 50, t.now, by)
			return t.retain(warm, 0)
		}
	}
	pass := func(db string, days int) func() used { return func() used { return t.retain(db, days) } }
	for b.Loop() {
		before := t.rows(pruning)
		best := quickest(grow(time.Hour), pass(keeping, 0), pass(pruning, days))
		if more := t.rows(pruning) - before; more < -4000 || more > 4000 {
			b.Fatalf("%d steady passes added %d rows more than they pruned", rounds, more)
		}
		b.ReportMetric(best[2]/best[1], "x-keeping-all")

		t.retain(backlog, 0)
		full := t.size(backlog)
		times := inTurn(80, grow(5*time.Minute), pass(keeping, 0), pass(backlog, 1))
		if rows := t.rows(backlog); rows > 400_000 {
			b.Fatalf("%d rows are left of the backlog", rows)
		}
		b.ReportMetric(slices.Max(times[2])/slices.Max(times[1]), "x-slowest-keeping-all")
		for _, some := range times {
			slices.Sort(some[:40]) // all of these prune for as long as they may
		}
		b.ReportMetric(times[2][20]/times[1][20], "x-backlog-keeping-all")
		b.ReportMetric(float64(full-t.size(backlog))/(1<<20), "MiB-given-back")
	}
}

// retain runs a pass that keeps rows for a number of days; 0 is forever.
func (t *bed) retain(db string, days int) used {
	t.b.Helper()
	return t.run(t.program, append(t.passArgs(db, t.index, true), "--retention-days", fmt.Sprint(days))...)
}

// rows counts the ships and PUTs of a database.
func (t *bed) rows(db string) (n int) {
	t.b.Helper()
	s, err := store.OpenReadOnly(t.b.Context(), db)
	t.check(err)
	defer s.Close()
	t.check(s.View(t.b.Context(), func(tx *store.Tx) error {
		return tx.Get(&n, "SELECT (SELECT COUNT(*) FROM ships) + (SELECT COUNT(*) FROM puts)")
	}))
	return n
}

func (t *bed) size(path string) int64 {
	t.b.Helper()
	info, err := os.Stat(path)
	t.check(err)
	return info.Size()
}

// inTurn runs processes in turn, and returns the wall times of each in seconds.
func inTurn(rounds int, runs ...func() used) [][]float64 {
	times := make([][]float64, len(runs))
	for range rounds {
		for i, run := range runs {
			times[i] = append(times[i], run().wall.Seconds())
		}
	}
	return times
}
