package detect_test

import (
	"testing"

	"github.com/cis490/fleet-health/detect"
	"github.com/cis490/fleet-health/store"
	"github.com/google/go-cmp/cmp"
)

// gap stores a gap of a stream, and recovers it at once if its reason allows that.
func (f *fleet) gap(stream, reason string, from, to int64) {
	f.Helper()
	source, err := f.s.Source(f.Context(), stream)
	if err != nil {
		f.Fatal(err)
	}
	gaps := []store.Gap{{Reason: reason, From: from, To: to}}
	if _, err := f.s.Save(f.Context(), &store.Batch{Source: source, Now: to, Gaps: gaps}); err != nil {
		f.Fatal(err)
	}
}

// TestSilenceAcrossAGap: hosts that may have shipped in a known gap of the index were
// alerted.
func TestSilenceAcrossAGap(t *testing.T) {
	t.Parallel()
	const minute = store.Minute
	for _, c := range []struct {
		name  string
		facts func(*fleet)
		want  []string
	}{
		{"a gap that ends now holds silent back", func(f *fleet) {
			f.ship("a", now-50*minute)
			f.gap(store.StreamIndex, store.GapRotated, now-50*minute, now)
		}, nil},
		{"a gap of another reason holds silent back too", func(f *fleet) {
			f.ship("a", now-50*minute)
			f.ship("b", now-5*minute)
			f.gap(store.StreamIndex, store.GapRewritten, now-45*minute, now-10*minute)
		}, nil},
		{"a gap that ended longer ago than the threshold holds back until a newer row is read", func(f *fleet) {
			f.ship("a", now-90*minute)
			f.ship("b", now-40*minute)
			f.gap(store.StreamIndex, store.GapTruncated, now-90*minute, now-40*minute)
		}, nil},
		{"once a newer row is read, silent judges again", func(f *fleet) {
			f.ship("a", now-90*minute)
			f.ship("b", now-40*minute+1)
			f.gap(store.StreamIndex, store.GapTruncated, now-90*minute, now-40*minute)
		}, []string{"a silent", "b silent"}},
		{"the threshold of a host counts from the end of the gap", func(f *fleet) {
			f.ship("a", now-90*minute)
			f.ship("b", now)
			f.gap(store.StreamIndex, store.GapTruncated, now-90*minute, now-30*minute)
		}, nil},
		{"after the threshold the host is silent", func(f *fleet) {
			f.ship("a", now-90*minute)
			f.ship("b", now)
			f.gap(store.StreamIndex, store.GapTruncated, now-90*minute, now-30*minute-1)
		}, []string{"a silent"}},
		{"a gap that ends with a host's last ship may hold a later one", func(f *fleet) {
			f.ship("a", now-40*minute)
			f.gap(store.StreamIndex, store.GapTruncated, now-90*minute, now-40*minute)
		}, nil},
		{"a gap before the last ship changes nothing", func(f *fleet) {
			f.ship("a", now-40*minute)
			f.gap(store.StreamIndex, store.GapTruncated, now-90*minute, now-40*minute-1)
		}, []string{"a silent"}},
		{"the last of several gaps counts", func(f *fleet) {
			f.ship("a", now-90*minute)
			f.ship("b", now-70*minute)
			f.gap(store.StreamIndex, store.GapTruncated, now-90*minute, now-80*minute)
			f.gap(store.StreamIndex, store.GapRotated, now-85*minute, now)
		}, nil},
		{"a gap of the journal changes nothing", func(f *fleet) {
			f.ship("a", now-50*minute)
			f.gap(store.StreamJournal, store.GapVacuumed, now-50*minute, now)
		}, []string{"a silent"}},
		{"a gap that was read later changes nothing", func(f *fleet) {
			f.ship("a", now-50*minute)
			f.gap(store.StreamIndex, store.GapUnread, now-50*minute, now)
			source, _ := f.s.Source(f.Context(), store.StreamIndex)
			if err := f.s.CloseUnread(f.Context(), source, now); err != nil {
				f.Fatal(err)
			}
		}, []string{"a silent"}},
		{"a gap from a clock that was ahead ends where it started", func(f *fleet) {
			f.ship("a", now-50*minute)
			f.ship("b", now-40*minute)
			f.gap(store.StreamIndex, store.GapTruncated, now-45*minute, now+1000*minute)
		}, []string{"a silent", "b silent"}},
		{"a gap of the future changes nothing", func(f *fleet) {
			f.ship("a", now-50*minute)
			f.gap(store.StreamIndex, store.GapTruncated, now+1, now+2)
		}, []string{"a silent"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t)
			c.facts(f)
			f.finds(c.want...)
		})
	}
}

// TestAGapHoldsBackNoOtherSymptom also shows that silent is held back no longer than
// necessary.
func TestAGapHoldsBackNoOtherSymptom(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.ship("a", now-50*store.Minute)
	f.gap(store.StreamIndex, store.GapRotated, now-50*store.Minute, now)
	f.puts("a", 10, now, 412)
	f.finds("a fatal-only")
	f.ship("b", now+store.Minute)
	if diff := cmp.Diff([]string{"a silent"}, f.detect(detect.Sources{}, now+30*store.Minute+1)); diff != "" {
		t.Errorf("after the threshold (-want +got):\n%s", diff)
	}
}

// TestAGapWithoutAnyRowSinceIsHeldBack: if the whole fleet stops at a gap, silent waits for
// a newer row. The status did not say so.
func TestAGapWithoutAnyRowSinceIsHeldBack(t *testing.T) {
	t.Parallel()
	const minute = store.Minute
	f := newFleet(t)
	f.ship("a", now-90*minute)
	f.ship("b", now-80*minute)
	f.gap(store.StreamIndex, store.GapTruncated, now-80*minute, now-40*minute)
	for _, step := range []struct {
		name  string
		at    int64
		ships bool
		want  int64 // since when silent is held back, 0 if it is not
		found int
	}{
		{"within the threshold after the gap, silent is not held back", now - 11*minute, false, 0, 0},
		{"after the threshold, silent is held back", now, false, now, 0},
		{"the time since when it is held back stays", now + 40*minute, false, now, 0},
		{"after a newer row, silent judges", now + 45*minute, true, 0, 2},
	} {
		if step.ships {
			f.ship("c", step.at)
		}
		if found := f.detect(bothRead, step.at); len(found) != step.found {
			t.Errorf("%s: found %q, want %d", step.name, found, step.found)
		}
		var held []store.HeldBack
		err := f.s.View(t.Context(), func(tx *store.Tx) (err error) { held, err = tx.HeldBack(); return err })
		if err != nil || len(held) != min(1, int(step.want)) || len(held) == 1 && (held[0].Since != step.want || held[0].Symptom != "silent") {
			t.Errorf("%s: %+v is held back, %v", step.name, held, err)
		}
	}
}
