package store_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cis490/fleet-health/store"
	gocmp "github.com/google/go-cmp/cmp"
)

// answersOf are the columns of hosts that say how PUTs were answered.
const answersOf = `
SELECT name || ': accepted ' || COALESCE(last_accepted_at, '-') || ' failed ' || COALESCE(last_failed_at, '-') || ' since ' || COALESCE(failing_since, '-')
  || ' 4xx ' || COALESCE(first_4xx_at, '-') || ' ' || failed_4xx || ' 5xx ' || failed_5xx || ' ' || failed_status
  || ' recent ' || recent_answers || ' folded ' || COALESCE(folded_at, '-') || ' ' || unfolded
FROM hosts
ORDER BY name`

// randomPuts returns PUTs of a few hosts within a day before a time. Some have equal times.
// In a flood, a minute may have more of them than get rows.
func randomPuts(r *rand.Rand, until int64) (puts []store.Put, flood bool) {
	at := until - 20*store.Hour - r.Int64N(3*store.Hour)
	add := func(host, status int32) {
		puts = append(puts, store.Put{At: at, CursorHash: r.Uint64(), Host: host, Status: status})
	}
	for range 20 + r.IntN(80) {
		switch r.IntN(4) {
		case 0: // the same time
		case 1:
			at += r.Int64N(store.Hour)
		default:
			at += r.Int64N(store.Minute)
		}
		if at = min(at, until); r.IntN(60) == 0 {
			at, flood = at-at%store.Minute, true
			for host := r.Int32N(3); r.IntN(2*store.RowsPerMinute) > 0; at += r.Int64N(store.Second / 10) {
				add(host, 412)
			}
		}
		add(r.Int32N(3), []int32{200, 201, 299, 302, 400, 412, 500, 503, 599}[r.IntN(9)])
	}
	return puts, flood
}

// saveSplit saves PUTs in random batches, each at its own clock, which may be behind them.
// Some PUTs come again, and the state of the hosts is brought up to the clock in between.
func saveSplit(t *testing.T, r *rand.Rand, s *store.Store, puts []store.Put, clock int64) {
	t.Helper()
	source := mustSource(t, s, store.StreamJournal)
	for from := 0; from < len(puts); {
		to := min(len(puts), from+1+r.IntN(30))
		batch := &store.Batch{Source: source, Now: clock - r.Int64N(24*store.Hour), Hosts: []string{"a", "b", "c"}, Puts: slices.Clone(puts[from:to])}
		for range r.IntN(5) {
			batch.Puts = append(batch.Puts, puts[r.IntN(to)])
		}
		mustSave(t, s, batch)
		if from = to; r.IntN(3) == 0 {
			settle(t, s, batch.Now)
		}
	}
	settle(t, s, clock)
}

// settle brings the hosts up to a time, as a pass does.
func settle(t *testing.T, s *store.Store, clock int64) {
	t.Helper()
	err := s.Update(t.Context(), func(tx *store.Tx) error {
		for _, step := range []func(int64) error{tx.Correct, tx.CatchUp, tx.FoldPuts} {
			if err := step(clock); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestAnswersDoNotDependOnTheOrder folds the same PUTs in several orders and splits, with
// clocks that go back and forth. The result is that of one batch in order.
func TestAnswersDoNotDependOnTheOrder(t *testing.T) {
	t.Parallel()
	for seed := range uint64(24) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 19))
			clock := now + r.Int64N(store.Hour)
			puts, flood := randomPuts(r, clock+r.Int64N(2)*store.Hour) // some are ahead of the clock
			slices.SortFunc(puts, func(a, b store.Put) int {
				return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(int64(a.CursorHash), int64(b.CursorHash)))
			})
			whole, _ := mustOpen(t)
			source := mustSource(t, whole, store.StreamJournal)
			mustSave(t, whole, &store.Batch{Source: source, Now: clock, Hosts: []string{"a", "b", "c"}, Puts: slices.Clone(puts)})
			settle(t, whole, clock)
			want := mustSelect[string](t, whole, answersOf)
			split, _ := mustOpen(t)
			if !flood { // which facts of a flood get rows depends on their order
				r.Shuffle(len(puts), func(i, j int) { puts[i], puts[j] = puts[j], puts[i] })
			}
			saveSplit(t, r, split, puts, clock)
			if diff := gocmp.Diff(want, mustSelect[string](t, split, answersOf)); diff != "" {
				t.Errorf("(-one batch in order +%d PUTs split):\n%s", len(puts), diff)
			}
		})
	}
}
