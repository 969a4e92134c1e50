package store_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cis490/fleet-health/store"
	"github.com/google/go-cmp/cmp"
)

// textsAmiss counts the texts that do not equal their rows, and the rows without a text.
const textsAmiss = `
SELECT COUNT(*)
FROM (
  SELECT t.id
  FROM error_texts AS t
  FULL JOIN receiver_errors AS e ON e.text_id = t.id
  GROUP BY t.id
  HAVING t.id IS NULL OR COUNT(e.at) <> t.errors OR MIN(e.at) <> t.first_at OR MAX(e.at) <> t.last_at
    OR t.first_at / 3600000000 <> t.last_at / 3600000000
)`

// TestErrorsHaveQuotas saves more errors and texts than a minute and an hour keep.
func TestErrorsHaveQuotas(t *testing.T) {
	t.Parallel()
	s, _ := mustOpen(t)
	b := &store.Batch{Source: mustSource(t, s, store.StreamJournal), Now: now + 9*store.Hour}
	add := func(at int64, kind, text string) {
		b.Errors = append(b.Errors, store.ReceiverError{At: at, CursorHash: uint64(len(b.Errors)), Kind: kind, Text: text})
	}
	for i := range int64(300) {
		add(now+i*1000, store.KindError, "flood")
		add(now+i*1000, store.KindTraceback, "flood")
		add(now+store.Hour+i*2*store.Second, store.KindError, fmt.Sprint("text ", i))
	}
	add(now+1, store.KindError, "read late")
	again := slices.Clone(b.Errors)
	mustSave(t, s, b)
	b.Errors = again
	mustSave(t, s, b)
	want := []store.ReceiverWord{
		{Kind: store.KindError, Text: "(more messages)", Count: 200, First: now + store.Hour + 200*store.Second, Last: now + store.Hour + 598*store.Second},
		{Kind: store.KindTraceback, Text: "flood", Count: store.ErrorsPerMinute, First: now, Last: now + (store.ErrorsPerMinute-1)*1000},
		{Kind: store.KindError, Text: "flood", Count: store.ErrorsPerMinute - 1, First: now, Last: now + (store.ErrorsPerMinute-2)*1000},
		{Kind: store.KindError, Text: "text 99", Count: 1, First: now + store.Hour + 198*store.Second, Last: now + store.Hour + 198*store.Second},
	}
	said := func(from, to int64) (words []store.ReceiverWord) {
		t.Helper()
		if err := s.View(t.Context(), func(tx *store.Tx) (err error) { words, err = tx.ReceiverSaid(from, to); return err }); err != nil {
			t.Fatal(err)
		}
		return words
	}
	words := said(now, now+9*store.Hour)
	if len(words) != 20 {
		t.Fatalf("got %d words, want the 20 most frequent", len(words))
	}
	if diff := cmp.Diff(want, words[:4]); diff != "" {
		t.Errorf("of all (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]store.ReceiverWord{{Kind: store.KindTraceback, Text: "flood", Count: 1, First: now + 2000, Last: now + 2000},
		{Kind: store.KindError, Text: "flood", Count: 1, First: now + 2000, Last: now + 2000}}, said(now+1001, now+3000), cmp.Transformer("sorted", byKind)); diff != "" {
		t.Errorf("of two milliseconds (-want +got):\n%s", diff)
	}
	if n := mustSelect[int](t, s, textsAmiss); n[0] != 0 {
		t.Errorf("%d texts do not count their rows", n[0])
	}
}

func byKind(words []store.ReceiverWord) (kinds map[string]int) {
	kinds = map[string]int{}
	for _, w := range words {
		kinds[fmt.Sprint(w.Kind, w.Text, w.First, w.Last)] = w.Count
	}
	return kinds
}

// TestUnitStatesAreBoundedInAnyOrder saves the changes of a unit that restarts over and
// over, in random orders and pieces. The newest state of each minute is always known.
func TestUnitStatesAreBoundedInAnyOrder(t *testing.T) {
	t.Parallel()
	var all []store.UnitChange
	states := []string{store.UnitStarted, store.UnitExited, store.UnitFailed, store.UnitRestarting}
	for i := range int64(600) {
		all = append(all, store.UnitChange{At: now + i*store.Second/2, CursorHash: uint64(i), State: states[i%4], Detail: fmt.Sprint(i)})
	}
	var want []string
	for seed := range uint64(5) {
		s, _ := mustOpen(t)
		r := rand.New(rand.NewPCG(seed, 3))
		if seed > 0 {
			r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		}
		for from := 0; from < len(all); {
			to := min(len(all), from+1+r.IntN(300))
			b := &store.Batch{Source: mustSource(t, s, store.StreamJournal), Now: now + store.Hour}
			b.UnitChanges = slices.Clone(all[max(0, from-r.IntN(200)):to])
			mustSave(t, s, b)
			from = to
		}
		got := mustSelect[string](t, s, "SELECT at || state || detail FROM unit_states ORDER BY at")
		if want == nil {
			want = got
		}
		if diff := cmp.Diff(want, got); diff != "" || len(got) != 5*21 {
			t.Errorf("seed %d: %d changes (-in order +shuffled):\n%s", seed, len(got), diff)
		}
		err := s.View(t.Context(), func(tx *store.Tx) error {
			state, since, err := tx.UnitState(now + store.Hour)
			if state != store.UnitRestarting || since != now+599*store.Second/2 {
				t.Errorf("the unit is %s since %d", state, since)
			}
			failures, restarts, countErr := tx.UnitRestarts(now, now+5*store.Minute)
			if failures != 25 || restarts != 30 || countErr != nil {
				t.Errorf("%d failures and %d restarts (%v), want 25 and 30", failures, restarts, countErr)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestPrunedWordsCountFromZero prunes an hour of errors and reads it again. The state of
// the unit as of the horizon stays known.
func TestPrunedWordsCountFromZero(t *testing.T) {
	t.Parallel()
	s, _ := mustOpen(t)
	batch := func() *store.Batch {
		b := &store.Batch{Source: mustSource(t, s, store.StreamJournal), Now: now + day}
		for i := range int64(200) {
			b.Errors = append(b.Errors, store.ReceiverError{At: now + i*store.Minute, CursorHash: uint64(i), Kind: store.KindError, Text: fmt.Sprint(i % 3)})
		}
		b.UnitChanges = []store.UnitChange{{At: now, CursorHash: 1, State: store.UnitStarted}, {At: now + store.Minute, CursorHash: 2, State: store.UnitStopped}}
		return b
	}
	const words = "SELECT at_us || kind || text || count || last_at FROM receiver_log ORDER BY 1"
	mustSave(t, s, batch())
	before := mustSelect[string](t, s, words)
	mustPrune(t, s, store.PruneOptions{Before: now + 2*store.Hour, Rows: 1})
	if got := mustSelect[string](t, s, "SELECT kind || ' ' || SUM(count) FROM receiver_log GROUP BY kind"); !slices.Equal(got, []string{"error 80", "stopped 1"}) {
		t.Errorf("after pruning two of four hours there are %q", got)
	}
	mustSave(t, s, batch())
	if diff := cmp.Diff(before, mustSelect[string](t, s, words)); diff != "" {
		t.Errorf("read again (-before +after):\n%s", diff)
	}
	// The next hour's pruning deletes them again. A limit of the size does so, too.
	mustPrune(t, s, store.PruneOptions{Before: now + 3*store.Hour})
	if got := mustSelect[int](t, s, "SELECT COUNT(*) FROM receiver_errors"); got[0] != 20 {
		t.Errorf("%d errors are left, want 20", got[0])
	}
	if _, _, err := s.PruneToSize(t.Context(), store.SizeOptions{Max: 1, Before: now + day}); err != nil {
		t.Fatal(err)
	}
	if got := mustSelect[int](t, s, "SELECT (SELECT COUNT(*) FROM receiver_errors) + (SELECT COUNT(*) FROM error_texts)"); got[0] != 0 {
		t.Errorf("%d rows are left after pruning to a size", got[0])
	}
}
