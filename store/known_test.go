package store_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/cis490/fleet-health/store"
)

// TestKnownFactsAreSoughtByTheirKey: each batch that was read again recomputed the rollup
// of its whole hour, so a flooded hour took quadratic time.
func TestKnownFactsAreSoughtByTheirKey(t *testing.T) {
	t.Parallel()
	s, _ := mustOpen(t)
	for _, statement := range store.UnknownKeys {
		_, plan := ask(t, s, "EXPLAIN QUERY PLAN "+strings.ReplaceAll(statement, "?", "1"))
		if !strings.Contains(plan, "SEARCH known USING PRIMARY KEY") || strings.Contains(plan, "SCAN known") {
			t.Errorf("the plan does not seek known rows:\n%s", plan)
		}
	}
}

// TestOnlyNewFactsTouchTheRollup makes a row of each rollup read-only and saves known facts
// again: alone, doubled, and between facts of other hours.
func TestOnlyNewFactsTouchTheRollup(t *testing.T) {
	t.Parallel()
	s, _ := mustOpen(t)
	source := mustSource(t, s, store.StreamJournal)
	batch := func(minutes ...int64) *store.Batch {
		b := &store.Batch{Source: source, Now: now + 9*store.Hour, Hosts: []string{"a"}, Series: []store.Series{{Host: "a", Commit: "c"}}}
		for _, minute := range minutes {
			at := now + minute*store.Minute
			b.Ships = append(b.Ships, store.Ship{ReceivedAt: at, LineHash: uint64(minute)})
			b.Puts = append(b.Puts, store.Put{At: at, CursorHash: uint64(minute), Status: 200})
			b.Rejections = append(b.Rejections, store.Rejection{At: at, CursorHash: uint64(minute), Reason: store.ReasonOther})
		}
		return b
	}
	mustSave(t, s, batch(70, 65, 90, 75))
	err := s.Update(t.Context(), func(tx *store.Tx) error {
		for _, table := range []string{"ship_hours", "put_hours", "rejection_hours"} {
			for _, what := range []string{"INSERT", "UPDATE", "DELETE"} {
				row := "NEW"
				if what == "DELETE" {
					row = "OLD"
				}
				_, err := tx.Exec(fmt.Sprintf("CREATE TRIGGER %s_%s BEFORE %s ON %s WHEN %s.hour = %d BEGIN SELECT RAISE(ABORT, 'touched'); END",
					table, what, what, table, row, now/store.Hour+1))
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, again := range [][]int64{{70, 65, 90, 75}, {75}, {65, 65, 90}, {10, 70, 130}, {130, 90, 131}, {5, 65, 75, 90, 200}} {
		if _, err := s.Save(t.Context(), batch(again...)); err != nil {
			t.Errorf("minutes %v: %v", again, err)
		}
	}
	got := mustSelect[string](t, s, "SELECT group_concat(n, ' ') FROM (SELECT ships + puts_2xx AS n FROM host_hourly ORDER BY hour)")
	if got[0] != "4 8 4 2" {
		t.Errorf("the hours have %q ships and PUTs, want %q", got[0], "4 8 4 2")
	}
}

// BenchmarkReadingAnHourAgain saves the PUTs of one busy hour in batches of the size that
// the journal's reader makes, and then again. It compares the cost of a known row with
// that of a new one.
func BenchmarkReadingAnHourAgain(b *testing.B) {
	const rows, batch = 200_000, 20_000
	for b.Loop() {
		s, err := store.Open(b.Context(), b.TempDir()+"/fleet.db", store.Options{})
		if err != nil {
			b.Fatal(err)
		}
		source, err := s.Source(b.Context(), store.StreamJournal)
		if err != nil {
			b.Fatal(err)
		}
		read := func() time.Duration {
			begin, r := time.Now(), rand.New(rand.NewPCG(1, 1))
			for from := 0; from < rows; from += batch {
				puts := &store.Batch{Source: source, Now: now + store.Hour}
				for host := range 50 {
					puts.Hosts = append(puts.Hosts, string(rune('A'+host)))
				}
				for i := range batch {
					puts.Puts = append(puts.Puts, store.Put{At: now + int64(from+i)*store.Hour/rows, CursorHash: r.Uint64(), Host: int32(r.IntN(50)), Status: 200})
				}
				if _, err := s.Save(b.Context(), puts); err != nil {
					b.Fatal(err)
				}
			}
			return time.Since(begin)
		}
		first, again := read(), read()
		s.Close()
		b.ReportMetric(first.Seconds()/rows*1e6, "µs/new-row")
		b.ReportMetric(again.Seconds()/rows*1e6, "µs/known-row")
	}
}
