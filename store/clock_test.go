package store_test

import (
	"testing"

	"github.com/cis490/fleet-health/store"
	"github.com/cis490/fleet-health/store/isotime"
)

// facts returns a batch of facts of one stream, read at the time clock.
func facts(source, clock int64, stream string, at ...int64) *store.Batch {
	b := &store.Batch{Source: source, Now: clock, State: "{}", Series: []store.Series{{Host: "a"}}, Hosts: []string{"a"}}
	for i, t := range at {
		switch {
		case stream == store.StreamIndex:
			b.Ships = append(b.Ships, store.Ship{ReceivedAt: t, LineHash: uint64(i)})
		case i%2 == 0:
			b.Puts = append(b.Puts, store.Put{At: t, CursorHash: uint64(i), Status: 412})
		default:
			b.Rejections = append(b.Rejections, store.Rejection{At: t, CursorHash: uint64(i), Reason: store.ReasonOther})
		}
	}
	return b
}

func stamps(t *testing.T, s *store.Store, at int64) (index, journal store.Stamps) {
	t.Helper()
	err := s.View(t.Context(), func(tx *store.Tx) (err error) { index, journal, err = tx.Stamps(at); return err })
	if err != nil {
		t.Fatal(err)
	}
	return index, journal
}

// TestStampsCountFactsAheadOfAClock and recent facts that agree with it.
func TestStampsCountFactsAheadOfAClock(t *testing.T) {
	t.Parallel()
	s, _ := mustOpen(t)
	index, journal := mustSource(t, s, store.StreamIndex), mustSource(t, s, store.StreamJournal)
	const edge = now + store.FutureTolerance
	mustSave(t, s, facts(index, now, store.StreamIndex, edge, edge+1, now+9*store.Hour))
	if x, j := stamps(t, s, now); x != (store.Stamps{Newest: edge}) || j != (store.Stamps{}) {
		t.Errorf("facts that were ahead when they were read count: %+v, %+v", x, j)
	}
	// A pass with a clock two hours ahead accepts more of them.
	mustSave(t, s, facts(index, now+2*store.Hour, store.StreamIndex, now-30*store.Minute, now-30*store.Minute+1, now+2*store.Hour))
	mustSave(t, s, facts(journal, now, store.StreamJournal, now-30*store.Minute, now-1, now))
	x, j := stamps(t, s, now)
	if want := (store.Stamps{Newest: now + 2*store.Hour, Ahead: 2, Recent: 2}); x != want {
		t.Errorf("the index says %+v, want %+v", x, want)
	}
	if want := (store.Stamps{Newest: now, Recent: 2}); j != want {
		t.Errorf("the journal says %+v, want %+v", j, want)
	}
	err := s.Update(t.Context(), func(tx *store.Tx) error { return tx.ForgetAhead(store.StreamJournal, now) })
	if again, _ := stamps(t, s, now); err != nil || again != x {
		t.Errorf("what the journal forgets changes what the index says: %+v (%v)", again, err)
	}
	err = s.Update(t.Context(), func(tx *store.Tx) error { return tx.ForgetAhead(store.StreamIndex, now) })
	if x, _ := stamps(t, s, now); err != nil || x != (store.Stamps{Newest: edge}) {
		t.Errorf("it forgot nothing: %+v (%v)", x, err)
	}
}

// TestStampsAreBounded shows that a flood ahead of the clock is not counted to its end.
func TestStampsAreBounded(t *testing.T) {
	t.Parallel()
	s, _ := mustOpen(t)
	source := mustSource(t, s, store.StreamIndex)
	var at []int64
	for i := range int64(store.MaxStamps + 10) {
		at = append(at, now-i, now+store.Hour+i)
	}
	mustSave(t, s, facts(source, now+2*store.Hour, store.StreamIndex, at...))
	if x, _ := stamps(t, s, now); x.Ahead != store.MaxStamps || x.Recent != store.MaxStamps {
		t.Errorf("it counts %+v", x)
	}
}

// TestOneWrongClockDoesNotHoldTheDetectorsBackForYears: a pass with a clock far ahead
// stored a newest fact of the future, which stayed the newest until that time.
func TestOneWrongClockDoesNotHoldTheDetectorsBackForYears(t *testing.T) {
	t.Parallel()
	const year = 365 * 24 * store.Hour
	s, _ := mustOpen(t)
	source := mustSource(t, s, store.StreamIndex)
	for _, step := range []struct {
		name              string
		clock, fact, want int64
		forget            bool
	}{
		{"the clock is right", now, now - 1, now - 1, false},
		{"it goes ahead, and so does the receiver's stamp", now + 4*year, now + 4*year, now + 4*year, false},
		{"it is right again, and there is no news", now + store.Minute, 0, now + 4*year, false},
		{"an old row is read late", now + store.Minute, now - 2*24*store.Hour, now + 4*year, false},
		{"a row that agrees with it comes", now + store.Hour, now + store.Minute, now + 4*year, false},
		{"and the clock is judged to be right", now + store.Hour, 0, now + store.Minute, true},
		{"nothing is newer than the next one", now + 2*store.Hour, now + 2*store.Hour, now + 2*store.Hour, false},
	} {
		var at []int64
		if step.fact != 0 {
			at = append(at, step.fact)
		}
		mustSave(t, s, facts(source, step.clock, store.StreamIndex, at...))
		if step.forget {
			err := s.Update(t.Context(), func(tx *store.Tx) error { return tx.ForgetAhead(store.StreamIndex, step.clock) })
			if err != nil {
				t.Fatal(err)
			}
		}
		if got := mustSelect[int64](t, s, "SELECT newest_at FROM cursors"); got[0] != step.want {
			t.Errorf("%s: the newest fact is of %s, want %s", step.name, isotime.Format(got[0]), isotime.Format(step.want))
		}
	}
}
