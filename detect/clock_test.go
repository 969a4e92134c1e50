package detect_test

import (
	"testing"

	"github.com/cis490/fleet-health/detect"
	"github.com/cis490/fleet-health/store"
)

func TestJudgeClock(t *testing.T) {
	t.Parallel()
	facts := func(ahead, recent int) store.Stamps { return store.Stamps{Ahead: ahead, Recent: recent} }
	none := facts(0, 0)
	const most = store.MaxStamps
	for _, c := range []struct {
		name       string
		now        int64
		own, other store.Stamps
		steady     bool
		want       detect.ClockReason
	}{
		{"without any facts nothing contradicts the clock", now, none, none, false, detect.ClockNotContradicted},
		{"a clock in 1970 is wrong whatever the facts say", 5 * store.Hour, facts(0, most), facts(0, most), false, detect.ClockTooEarly},
		{"one fact ahead and no recent fact contradict the clock", now, facts(1, 0), none, false, detect.ClockOutvoted},
		{"one fact of the other source ahead does not contradict the clock", now, none, facts(1, 0), false, detect.ClockNotContradicted},
		{"nor do more facts of the other source than are counted", now, facts(0, 1), facts(most, 0), false, detect.ClockNotContradicted},
		{"the other source vouches for a quiet source", now, facts(1, 0), facts(0, 30), false, detect.ClockAllFacts},
		{"a source with fresh facts vouches for itself", now, facts(1, 30), facts(most, 0), false, detect.ClockOwnFacts},
		{"one fact that agrees outweighs one fact ahead", now, facts(1, 1), none, false, detect.ClockOwnFacts},
		{"three facts ahead outvote two recent facts", now, facts(3, 2), none, false, detect.ClockOutvoted},
		{"a recent fact of the other source tips the balance", now, facts(3, 2), facts(0, 1), false, detect.ClockAllFacts},
		{"facts ahead of both sources are added up", now, facts(3, 2), facts(3, 2), false, detect.ClockOutvoted},
		{"a fleet's facts of three hours outvote the half hour before", now, facts(1800, 300), facts(1800, 300), false, detect.ClockOutvoted},
		{"a pass's facts do not outvote the half hour before", now, facts(50, 300), facts(50, 300), false, detect.ClockOwnFacts},
		{"a clock with more facts ahead than are counted is behind", now, facts(most, most), facts(0, most), false, detect.ClockOutvoted},
		{"so is a clock with as many facts of the other source ahead", now, facts(1, 0), facts(most, most), false, detect.ClockOutvoted},
		{"a hundred passes outweigh facts of a year ahead", now, facts(24, 6), facts(24, 6), true, detect.ClockSteady},
		{"a hundred passes outweigh more facts ahead than are counted", now, facts(most, 1), facts(most, 0), true, detect.ClockSteady},
		{"a hundred passes prove nothing without a recent fact", now, facts(24, 0), facts(24, 0), true, detect.ClockOutvoted},
		{"a hundred passes prove nothing in 1970", 5 * store.Hour, facts(1, 9), none, true, detect.ClockTooEarly},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := detect.JudgeClock(c.now, c.own, c.other, c.steady); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// TestABacklogIsJudgedAsOfItsEnd: the detectors of the journal waited until all of it was
// read, which takes hours in a flood.
func TestABacklogIsJudgedAsOfItsEnd(t *testing.T) {
	t.Parallel()
	const readTo = now - 3*store.Hour
	backlog := func(to int64) detect.Sources { return detect.Sources{Journal: detect.Source{ReadTo: to}} }
	for _, c := range []struct {
		name  string
		facts func(*fleet)
		read  detect.Sources
		want  []string
	}{
		{"failures up to the time read are found", func(f *fleet) { f.puts("a", 10, readTo, 412) }, backlog(readTo), []string{"a fatal-only"}},
		{"rejections up to the time read are found", func(f *fleet) { f.rejections("a", 10, readTo-1, store.ReasonUnstamped) }, backlog(readTo), []string{"a unstamped"}},
		{"failures after the time read are left to a later pass", func(f *fleet) { f.puts("a", 10, readTo+1, 412) }, backlog(readTo), nil},
		{"a success after the time read does not count", func(f *fleet) { f.puts("a", 10, readTo, 412); f.puts("a", 1, readTo+1, 200) }, backlog(readTo), []string{"a fatal-only"}},
		{"failures before the window do not count", func(f *fleet) { f.puts("a", 10, readTo-30*store.Minute-1, 412) }, backlog(readTo), nil},
		{"a journal that was read to a future time is judged as of now", func(f *fleet) { f.puts("a", 10, now+2*store.Minute, 412) }, backlog(now + store.Hour), nil},
		{"the index is still judged as of now", func(f *fleet) { f.ship("a", now-40*store.Minute) }, backlog(readTo), []string{"a silent"}},
		{"a journal that is off is not judged", func(f *fleet) { f.puts("a", 10, now, 412) }, detect.Sources{Journal: detect.Source{Off: true}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t)
			c.facts(f)
			got := f.detect(c.read, now)
			if len(got) != len(c.want) || len(got) > 0 && got[0] != c.want[0] {
				t.Errorf("found %q, want %q", got, c.want)
			}
			alerts := f.alerts()
			for _, a := range alerts {
				if a.DedupKey != detect.Key(a.Host, a.Symptom, now) || a.DetectedAt != now {
					t.Errorf("the alert of %s has the key of another hour than the pass's", a.Symptom)
				}
			}
			if again := f.detect(c.read, now+store.Minute); len(again) > 0 {
				t.Errorf("found %q again in the same hour", again)
			}
		})
	}
}

// TestHeldBackDetectorsAreStored with the reason and the start time, until they run again.
func TestHeldBackDetectorsAreStored(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	is := func(symptom string, since int64, reason string) store.HeldBack {
		return store.HeldBack{Symptom: symptom, Since: since, Reason: reason}
	}
	held := func(reason string) detect.Sources { return detect.Sources{Journal: detect.Source{Held: reason}} }
	for _, step := range []struct {
		name string
		read detect.Sources
		at   int64
		want []store.HeldBack
	}{
		{"both sources are read", bothRead, now, nil},
		{"the journal is not read", held("x"), now + store.Minute, []store.HeldBack{is("fatal-only", now+store.Minute, "x"), is("unstamped", now+store.Minute, "x")}},
		{"the reason changes", held("y"), now + store.Hour, []store.HeldBack{is("fatal-only", now+store.Minute, "y"), is("unstamped", now+store.Minute, "y")}},
		{"the clock goes back", held("y"), now, []store.HeldBack{is("fatal-only", now, "y"), is("unstamped", now, "y")}},
		{"the journal is off", detect.Sources{Journal: detect.Source{Off: true, Held: "z"}}, now + store.Hour, nil},
		{"the index is not read", detect.Sources{Index: unread}, now + store.Hour, []store.HeldBack{is("silent", now+store.Hour, unread.Held)}},
		{"both sources are read again", bothRead, now + 2*store.Hour, nil},
	} {
		f.detect(step.read, step.at)
		var got []store.HeldBack
		err := f.s.View(t.Context(), func(tx *store.Tx) (err error) { got, err = tx.HeldBack(); return err })
		if err != nil || len(got) != len(step.want) {
			t.Fatalf("%s: %v held back (%v), want %v", step.name, got, err, step.want)
		}
		for i := range got {
			if got[i] != step.want[i] {
				t.Errorf("%s: %v held back, want %v", step.name, got[i], step.want[i])
			}
		}
	}
}
