package store_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/cis490/fleet-health/store"
	"github.com/cis490/fleet-health/store/isotime"
	gocmp "github.com/google/go-cmp/cmp"
)

// steps returns a GoOn that allows n steps.
func steps(n int) func() bool { return func() bool { n--; return n > 0 } }

func mustPrune(t *testing.T, s *store.Store, opts store.PruneOptions) store.Pruned {
	t.Helper()
	pruned, err := s.Prune(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return pruned
}

// prunedBefore returns the horizon of a table.
func prunedBefore(t *testing.T, s *store.Store, table string) int64 {
	t.Helper()
	return mustSelect[int64](t, s, "SELECT COALESCE(MAX(pruned_before), 0) FROM retention WHERE table_name = ?", table)[0]
}

// TestPruningLeavesTheRollupsAsTheyAre saves the same facts in two databases and prunes one
// in between. The steps are so small that hours are pruned in part, and they stop anywhere,
// as in a crash. Facts of any age are read again. Rollups and hosts must stay equal.
func TestPruningLeavesTheRollupsAsTheyAre(t *testing.T) {
	t.Parallel()
	const retention = 8 * store.Hour // no fact of randomFacts is read later than this
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 3))
			whole, _ := mustOpen(t)
			s, path := mustOpen(t)
			source := mustSource(t, whole, store.StreamIndex)
			mustSource(t, s, store.StreamIndex)
			var all []fact
			known := map[string]bool{}
			deleted, left := 0, 0
			clock := now
			for range 15 {
				clock += r.Int64N(5 * store.Hour)
				var facts []fact
				for _, f := range randomFacts(r, source, clock) {
					if !known[f.key()] { // two facts cannot share a key
						known[f.key()] = true
						facts = append(facts, f)
					}
				}
				for range min(len(all), r.IntN(40)) {
					facts = append(facts, all[r.IntN(len(all))])
				}
				all = append(all, facts...)
				want := mustSave(t, whole, batchOf(facts, source, clock))
				got := mustSave(t, s, batchOf(facts, source, clock))
				old := 0
				for _, f := range facts {
					if f.at < prunedBefore(t, s, f.table) {
						old++
					}
				}
				left += old
				if got.Expired != old {
					t.Errorf("%d facts were left out, want %d", got.Expired, old)
				}
				got.Expired, got.ExpiredBefore = 0, 0
				if diff := gocmp.Diff(want, got); diff != "" {
					t.Errorf("saved (-want +got):\n%s", diff)
				}
				for _, one := range []*store.Store{whole, s} {
					if err := one.Update(t.Context(), func(tx *store.Tx) error { return tx.CatchUp(clock) }); err != nil {
						t.Fatal(err)
					}
				}
				opts := store.PruneOptions{Before: clock - retention - r.Int64N(store.Hour), Rows: 1 + r.IntN(9), GoOn: steps(r.IntN(12))}
				pruned := mustPrune(t, s, opts)
				if r.IntN(3) == 0 {
					mustFinishDays(t, s, clock)
				}
				deleted += pruned.Raw()
				if rows := mustSelect[int](t, s, "SELECT COUNT(*) FROM ships WHERE received_at < ?", opts.Before/store.Hour*store.Hour); pruned.Whole && rows[0] > 0 {
					t.Errorf("%d ships are left of a table that is pruned", rows[0])
				}
				if r.IntN(3) == 0 {
					s.Close()
					s = mustReopen(t, path)
				}
				if diff := gocmp.Diff(stored(t, whole), stored(t, s)); diff != "" {
					t.Fatalf("as of %s, tables differ (-whole +pruned):\n%s", isotime.Format(clock), diff)
				}
			}
			for table, column := range map[string]string{"ships": "received_at", "puts": "at", "rejections": "at"} {
				query := "SELECT COUNT(*) || ' ' || COALESCE(SUM(" + column + " % 1000003), 0) FROM " + table + " WHERE " + column + " >= ?"
				before := prunedBefore(t, s, table)
				if diff := gocmp.Diff(mustSelect[string](t, whole, query, before), mustSelect[string](t, s, query, before)); diff != "" {
					t.Errorf("%s since the horizon differ (-whole +pruned):\n%s", table, diff)
				}
			}
			if deleted == 0 || left == 0 {
				t.Errorf("%d rows were deleted, %d facts left out: nothing was tried", deleted, left)
			}
		})
	}
}

// TestAnHourPrunedInPartIsClosed: a crash after the first step of an hour leaves some of
// its rows. The rollup of the hour must not be computed from them.
func TestAnHourPrunedInPartIsClosed(t *testing.T) {
	t.Parallel()
	s, path := mustOpen(t)
	source := mustSource(t, s, store.StreamIndex)
	batch := func(minutes ...int64) *store.Batch {
		b := &store.Batch{Source: source, Now: now + 100*24*store.Hour, Hosts: []string{"a"}, Series: []store.Series{{Host: "a"}}}
		for _, minute := range minutes {
			at := now + minute*store.Minute
			b.Ships = append(b.Ships, store.Ship{ReceivedAt: at, LineHash: uint64(minute)})
			b.Puts = append(b.Puts, store.Put{At: at, CursorHash: uint64(minute), Status: 200})
			b.Rejections = append(b.Rejections, store.Rejection{At: at, CursorHash: uint64(minute), Reason: store.ReasonOther})
		}
		return b
	}
	mustSave(t, s, batch(0, 10, 20, 30, 40, 50, 70, 125))
	before := stored(t, s)
	pruned := mustPrune(t, s, store.PruneOptions{Before: now + 2*store.Hour - 1, Rows: 2, GoOn: steps(3)})
	if want := (store.Pruned{Ships: 2, Puts: 2, Rejections: 2}); pruned != want {
		t.Fatalf("three steps pruned %+v, want %+v", pruned, want)
	}
	s.Close()
	s = mustReopen(t, path)
	for _, table := range []string{"ships", "puts", "rejections"} {
		if at := prunedBefore(t, s, table); at != now+store.Hour {
			t.Errorf("%s are pruned up to %s, want an hour from %s", table, isotime.Format(at), isotime.Format(now))
		}
	}
	saved := mustSave(t, s, batch(0, 30, 45, 50, 70))
	if diff := gocmp.Diff(store.Saved{Expired: 12, ExpiredBefore: now + store.Hour}, saved); diff != "" {
		t.Errorf("saved (-want +got):\n%s", diff)
	}
	if diff := gocmp.Diff(before, stored(t, s)); diff != "" {
		t.Errorf("the rollups have changed (-before +after):\n%s", diff)
	}
	// A late fact of an old hour counts if the hour has not been pruned.
	if saved := mustSave(t, s, batch(65)); saved.Ships != 1 || saved.Puts != 1 || saved.Rejections != 1 {
		t.Errorf("of an hour that is whole, saved %+v", saved)
	}
	// An hour that is not over by Before is not pruned.
	pruned = mustPrune(t, s, store.PruneOptions{Before: now + 3*store.Hour - 1})
	if want := (store.Pruned{Ships: 6, Puts: 6, Rejections: 6, Whole: true}); pruned != want {
		t.Errorf("the rest is %+v, want %+v", pruned, want)
	}
}

// TestAFailedStepLeavesItsRows shows that rows are deleted and the horizon moves only
// together.
func TestAFailedStepLeavesItsRows(t *testing.T) {
	t.Parallel()
	for _, broken := range []string{"INSERT ON retention", "DELETE ON ships"} {
		s, _ := mustOpen(t)
		batch := func() *store.Batch {
			return &store.Batch{Source: mustSource(t, s, store.StreamIndex), Now: now, Series: []store.Series{{Host: "a"}},
				Ships: []store.Ship{{ReceivedAt: now - 3*store.Hour}, {ReceivedAt: now - 2*store.Hour}}}
		}
		mustSave(t, s, batch())
		script := func(sql string) {
			t.Helper()
			if err := s.Update(t.Context(), func(tx *store.Tx) error { _, err := tx.Exec(sql); return err }); err != nil {
				t.Fatal(err)
			}
		}
		script("CREATE TRIGGER broken AFTER " + broken + " WHEN (SELECT COUNT(*) FROM ships) < 3 BEGIN SELECT RAISE(ABORT, 'broken'); END")
		if _, err := s.Prune(t.Context(), store.PruneOptions{Before: now}); err == nil {
			t.Errorf("%s is broken, but Prune is not", broken)
		}
		if saved := mustSave(t, s, batch()); saved.Ships != 0 {
			t.Errorf("%s is broken: of two ships that were there, saved %+v", broken, saved)
		}
		script("DROP TRIGGER broken")
		if pruned := mustPrune(t, s, store.PruneOptions{Before: now}); pruned.Ships != 2 {
			t.Errorf("after %s was broken, pruned %+v, want 2 ships", broken, pruned)
		}
	}
}

// TestAClockFarAheadLeavesNoHorizonThere: a database that was pruned by such a clock
// accepted no fact until that time.
func TestAClockFarAheadLeavesNoHorizonThere(t *testing.T) {
	t.Parallel()
	s, _ := mustOpen(t)
	save := func(at int64) store.Saved {
		t.Helper()
		return mustSave(t, s, &store.Batch{Source: mustSource(t, s, store.StreamIndex), Now: at, Series: []store.Series{{Host: "a"}},
			Ships: []store.Ship{{ReceivedAt: at}}})
	}
	save(now)
	const years = 4 * 365 * 24 * store.Hour
	save(now + years)
	if pruned := mustPrune(t, s, store.PruneOptions{Before: now + years - 90*24*store.Hour}); pruned.Ships != 1 {
		t.Fatalf("pruned %+v, want 1 ship", pruned)
	}
	if saved := save(now + store.Hour); saved.Ships != 1 {
		t.Errorf("an hour after what was pruned, saved %+v", saved)
	}
}

// TestAStepSeeksTheOldestRows: each pass read all rows of every table.
func TestAStepSeeksTheOldestRows(t *testing.T) {
	t.Parallel()
	s, _ := mustOpen(t)
	_, plan := ask(t, s, "EXPLAIN QUERY PLAN "+strings.Replace(store.OldestTable, "?", "1", 1))
	for _, table := range []string{"ships", "puts", "rejections"} {
		if !strings.Contains(plan, "SEARCH "+table) || strings.Contains(plan, "SCAN "+table) {
			t.Errorf("the plan does not seek in %s:\n%s", table, plan)
		}
	}
}

// TestOpenGapsAreSought: each pass read all old gaps to find that none is open. A thousand
// gaps made it read a third more.
func TestOpenGapsAreSought(t *testing.T) {
	t.Parallel()
	s, _ := mustOpen(t)
	for _, statement := range store.OpenGaps {
		if _, plan := ask(t, s, "EXPLAIN QUERY PLAN "+strings.ReplaceAll(statement, "?", "1")); !strings.Contains(plan, "INDEX gaps_open (source_id=? AND reason=?)") {
			t.Errorf("the plan does not seek open gaps:\n%s", plan)
		}
	}
}

// TestPassesArePruned shows that passes with alerts stay, and the newest hundred, which
// reveal a wrong clock.
func TestPassesArePruned(t *testing.T) {
	t.Parallel()
	s, _ := mustOpen(t)
	pass := func(asOf int64) (p store.Pass) {
		t.Helper()
		p = store.Pass{StartedAt: asOf, AsOf: asOf}
		if err := s.BeginPass(t.Context(), &p); err != nil {
			t.Fatal(err)
		}
		return p
	}
	earliest := func() (at int64) {
		t.Helper()
		if err := s.Update(t.Context(), func(tx *store.Tx) (err error) { at, err = tx.EarliestOfPasses(store.KeptPasses); return err }); err != nil {
			t.Fatal(err)
		}
		return at
	}
	var want []int64
	for i := range int64(250) {
		p := pass(now + i*5*store.Minute)
		if i == 98 && earliest() != 0 || i == 99 && earliest() != now {
			t.Errorf("after %d passes, the earliest of 100 is %d", i+1, earliest())
		}
		if i%50 == 7 {
			alert := store.Alert{DedupKey: fmt.Sprint(i), Host: "a", DetectedAt: p.AsOf, LastFoundAt: p.AsOf}
			alert.PassID.Int64, alert.PassID.Valid = p.ID, true
			if err := s.Update(t.Context(), func(tx *store.Tx) error { _, err := tx.AddAlert(alert); return err }); err != nil {
				t.Fatal(err)
			}
		}
		// The 100 newest start 12:30 hours after the first one.
		if i >= 144 || i%50 == 7 {
			want = append(want, p.ID)
		}
	}
	far := store.PruneOptions{Before: now + 365*24*store.Hour, Rows: 20}
	var would store.Pruned
	if err := s.Update(t.Context(), func(tx *store.Tx) (err error) { would, err = tx.Prunable(far.Before); return err }); err != nil {
		t.Fatal(err)
	}
	if pruned := mustPrune(t, s, far); pruned.Passes != 250-len(want) || would.Passes != pruned.Passes {
		t.Errorf("pruned %+v, announced %+v; want %d passes", pruned, would, 250-len(want))
	}
	if diff := gocmp.Diff(want, mustSelect[int64](t, s, "SELECT id FROM passes ORDER BY id")); diff != "" {
		t.Errorf("passes that stay (-want +got):\n%s", diff)
	}
	next := pass(now + 250*5*store.Minute)
	err := s.Update(t.Context(), func(tx *store.Tx) error {
		last, ok, err := tx.LastPass()
		if !ok || last.ID != next.ID || slices.Contains(want, next.ID) {
			t.Errorf("the last pass is %d (%v), want the new one, %d", last.ID, ok, next.ID)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestPrunedPagesAreGivenBack to the disk, a bounded number per step, except for a megabyte
// for new rows.
func TestPrunedPagesAreGivenBack(t *testing.T) {
	t.Parallel()
	s, path := mustOpen(t)
	r := rand.New(rand.NewPCG(9, 9))
	b := &store.Batch{Source: mustSource(t, s, store.StreamIndex), Now: now, Series: []store.Series{{Host: "a"}}}
	for i := range int64(100_000) {
		b.Ships = append(b.Ships, store.Ship{ReceivedAt: now - 48*store.Hour + i*store.Second, LineHash: r.Uint64()})
	}
	mustSave(t, s, b)
	size := func() int64 {
		t.Helper()
		if _, err := s.Checkpoint(t.Context()); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	full := size()
	giveBack := func(goOn func() bool) int64 {
		t.Helper()
		bytes, err := s.GiveBack(t.Context(), goOn)
		if err != nil {
			t.Fatal(err)
		}
		return bytes
	}
	if bytes := giveBack(nil); bytes != 0 {
		t.Errorf("of a full database, %d bytes were given back", bytes)
	}
	estimated := int64(0)
	err := s.Update(t.Context(), func(tx *store.Tx) error {
		p, err := tx.Prunable(now)
		if err == nil {
			estimated, err = tx.PrunableBytes(p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if pruned := mustPrune(t, s, store.PruneOptions{Before: now, GoOn: steps(1)}); pruned.Ships != 4000 || pruned.Whole {
		t.Errorf("one step pruned %+v, want 4,000 ships", pruned)
	}
	if pruned := mustPrune(t, s, store.PruneOptions{Before: now}); pruned.Ships != 96_000 || !pruned.Whole {
		t.Errorf("the other steps pruned %+v, want 96,000 ships", pruned)
	}
	if now := size(); now != full {
		t.Errorf("pruning has changed the size of the file from %d to %d", full, now)
	}
	first := giveBack(steps(1))
	if first < 128<<12 || first > 130<<12 {
		t.Errorf("the first step gave %d bytes back, want 128 pages", first)
	}
	given := first + giveBack(nil)
	if now := size(); now != full-given || now > 2<<20 {
		t.Errorf("the file had %d bytes, %d were given back, and it has %d", full, given, now)
	}
	if estimated < given*9/10 || estimated > given*11/10 {
		t.Errorf("%d bytes were estimated, %d given back", estimated, given)
	}
	if free := mustSelect[int](t, s, "PRAGMA freelist_count"); free[0] != 256 {
		t.Errorf("%d free pages are left, want 256", free[0])
	}
}
