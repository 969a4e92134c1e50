package detect_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cis490/fleet-health/detect"
	"github.com/cis490/fleet-health/store"
)

// follow returns the open incidents after a pass that judges as of a time: the subject, the
// symptom, the minutes since it began, and what explains it. Incidents that something
// explains follow what does.
func (f *fleet) follow(t detect.Thresholds, read detect.Sources, at int64) (open []string) {
	f.Helper()
	err := f.s.Update(f.Context(), func(tx *store.Tx) error {
		for _, step := range []func(int64) error{tx.Correct, tx.CatchUp, tx.FoldPuts} {
			if err := step(at); err != nil {
				return err
			}
		}
		judgments, err := detect.Find(tx, t, read, at)
		if err != nil {
			return err
		}
		if _, err = detect.Raise(tx, judgments, at, 0); err != nil {
			return err
		}
		if _, err = detect.Follow(tx, t, read, judgments, at, 0); err != nil {
			return err
		}
		list, err := tx.OpenIncidents()
		for _, i := range list {
			line := fmt.Sprintf("%s %s %d", i.Subject, i.Symptom, (at-i.BeganAt)/store.Minute)
			if i.ExplainedBy.Valid {
				line += " explained"
			}
			open = append(open, line)
		}
		return err
	})
	if err != nil {
		f.Fatal(err)
	}
	return open
}

// save stores the facts so far.
func (f *fleet) save() {
	f.Helper()
	b := f.b
	if _, err := f.s.Save(f.Context(), &b); err != nil {
		f.Fatal(err)
	}
	f.b = store.Batch{Source: f.b.Source, Now: f.b.Now}
}

// steady lets hosts ship each minute of a time, in minutes before now.
func (f *fleet) steady(from, to int64, hosts ...string) {
	for m := from; m > to; m-- {
		for i, host := range hosts {
			at := now - m*store.Minute + int64(i)*store.Second
			f.ship(host, at)
			f.puts(host, 1, at, 200)
		}
	}
}

func TestFollowFindsCauses(t *testing.T) {
	t.Parallel()
	three := []string{"lab-1", "lab-2", "lab-3"}
	// mixed lets two of three PUTs of hosts fail, and accepts the third. The last one is accepted.
	mixed := func(status int32, from int64, hosts ...string) func(*fleet) {
		return func(f *fleet) {
			for m := from; m > 0; m-- {
				for i, host := range hosts {
					at := now - m*store.Minute + int64(i)*store.Second
					f.puts(host, 1, at, []int32{status, 200, status}[m%3])
					if m%3 == 1 {
						f.ship(host, at)
					}
				}
			}
		}
	}
	fails := func(status int32, from int64, hosts ...string) func(*fleet) {
		return func(f *fleet) {
			f.steady(180, from, hosts...)
			for m := from; m > 0; m-- {
				for i, host := range hosts {
					f.puts(host, 1, now-m*store.Minute+int64(i)*store.Second, status)
				}
			}
		}
	}
	stops := func(from int64, hosts ...string) func(*fleet) {
		return func(f *fleet) { f.steady(180, from, hosts...) }
	}
	unit := func(ago int64, state string) func(*fleet) {
		return func(f *fleet) {
			f.n++
			f.b.UnitChanges = append(f.b.UnitChanges, store.UnitChange{At: now - ago*store.Minute, CursorHash: f.n, State: state, Detail: "Stopped x"})
		}
	}
	for _, c := range []struct {
		name string
		make []func(*fleet)
		read detect.Sources
		want []string
	}{
		{"a receiver that answers three hosts with 500 is failing", []func(*fleet){fails(500, 5, three...)}, detect.Sources{},
			[]string{"(receiver) receiver-failing 5"}},
		{"one that failed for two minutes is not yet", []func(*fleet){fails(500, 2, three...)}, detect.Sources{}, nil},
		{"one that fails for two hosts of three is not", []func(*fleet){fails(500, 35, "lab-1", "lab-2"), stops(0, "lab-3")}, detect.Sources{},
			[]string{"lab-1 rejected 35", "lab-2 rejected 34"}},
		{"in a fleet of two hosts, both are enough", []func(*fleet){fails(503, 9, "lab-1", "lab-2")}, detect.Sources{},
			[]string{"(receiver) receiver-failing 9"}},
		{"a fleet that is silent at once means the receiver", []func(*fleet){stops(12, three...)}, detect.Sources{},
			[]string{"(receiver) receiver-silent 12"}},
		{"it does so when the journal is not read", []func(*fleet){stops(12, three...)}, detect.Sources{Journal: detect.Source{Off: true}},
			[]string{"(receiver) receiver-silent 12"}},
		{"hosts that are silent with the receiver are explained", []func(*fleet){stops(40, three...)}, detect.Sources{},
			[]string{"(receiver) receiver-silent 40", "lab-1 silent 41 explained", "lab-2 silent 40 explained", "lab-3 silent 40 explained"}},
		{"a host that was silent before them is not", []func(*fleet){stops(40, three...), stops(75, "lab-9")}, detect.Sources{},
			[]string{"(receiver) receiver-silent 40", "lab-1 silent 41 explained", "lab-2 silent 40 explained", "lab-3 silent 40 explained", "lab-9 silent 76"}},
		{"nobody expects 20 PUTs of two hosts", []func(*fleet){stops(12, "lab-1", "lab-2")}, detect.Sources{}, nil},
		{"a unit that is stopped for a minute is down", []func(*fleet){stops(3, three...), unit(2, store.UnitStopping), unit(1, store.UnitStopped)}, detect.Sources{},
			[]string{"(receiver) receiver-down 2"}},
		{"a unit that was started again is not", []func(*fleet){stops(3, three...), unit(2, store.UnitStopped), unit(1, store.UnitStarted)}, detect.Sources{}, nil},
		{"a unit that is stopped, and answers, is not", []func(*fleet){stops(0, three...), unit(2, store.UnitStopped)}, detect.Sources{}, nil},
		{"a unit that starts over and over is down", []func(*fleet){stops(6, three...), unit(5, store.UnitRestarting), unit(4, store.UnitStarted),
			unit(3, store.UnitRestarting), unit(2, store.UnitStarted), unit(1, store.UnitRestarting), unit(0, store.UnitStarted)}, detect.Sources{},
			[]string{"(receiver) receiver-down 5"}},
		{"a unit is not down since it was started again a while before", []func(*fleet){stops(90, three...), unit(60, store.UnitStopped), unit(59, store.UnitStarted),
			unit(2, store.UnitStopping), unit(1, store.UnitStopped)}, detect.Sources{},
			[]string{"(receiver) receiver-down 2", "(receiver) receiver-silent 90 explained", "lab-1 silent 91 explained", "lab-2 silent 90 explained",
				"lab-3 silent 90 explained"}},
		{"a receiver that is down explains that it is silent", []func(*fleet){stops(15, three...), unit(14, store.UnitFailed)}, detect.Sources{},
			[]string{"(receiver) receiver-down 14", "(receiver) receiver-silent 15 explained"}},
		{"PUTs that are accepted and not recorded mean a stuck index", []func(*fleet){fails(201, 12, three...)}, detect.Sources{},
			[]string{"(receiver) index-stuck 11"}},
		{"so do those of the only host that works", []func(*fleet){fails(201, 25, "lab-1"), stops(120, "lab-2", "lab-3")}, detect.Sources{},
			[]string{"(receiver) index-stuck 24", "lab-2 silent 121", "lab-3 silent 120"}},
		{"but not those of one host among others", []func(*fleet){fails(201, 25, "lab-1"), stops(28, "lab-2", "lab-3")}, detect.Sources{}, nil},
		{"not while the index is not read", []func(*fleet){fails(201, 12, three...)}, detect.Sources{Index: detect.Source{Held: "it is not read", Unread: true}},
			[]string{"(receiver) index-unread 0"}},
		{"three hosts that stop together are a group", []func(*fleet){stops(0, "lab-7", "lab-8"), stops(35, three...)}, detect.Sources{},
			[]string{"(group) group-silent 35", "lab-1 silent 36 explained", "lab-2 silent 35 explained", "lab-3 silent 35 explained"}},
		{"two are not", []func(*fleet){stops(0, "lab-7", "lab-8"), stops(35, "lab-1", "lab-2")}, detect.Sources{},
			[]string{"lab-1 silent 36", "lab-2 silent 35"}},
		{"three hosts that are refused with 412 are a group", []func(*fleet){stops(0, "lab-7"), fails(412, 20, three...)}, detect.Sources{},
			[]string{"(group) group-rejected 20", "lab-1 rejected 20 explained", "lab-2 rejected 19 explained", "lab-3 rejected 19 explained"}},
		{"hosts that are refused for different reasons are not", []func(*fleet){stops(0, "lab-7"), fails(412, 20, "lab-1", "lab-2"), fails(403, 20, "lab-3")},
			detect.Sources{}, []string{"lab-1 rejected 20", "lab-2 rejected 19", "lab-3 rejected 20"}},
		{"a host that is refused four times is not rejected yet", []func(*fleet){fails(412, 4, "lab-1"), stops(0, "lab-7", "lab-8")}, detect.Sources{}, nil},
		{"a host of whose PUTs half fail, back and forth, is partial", []func(*fleet){stops(0, "lab-7", "lab-8"), stops(30, "lab-1"),
			mixed(422, 30, "lab-1")}, detect.Sources{}, []string{"lab-1 partial 2"}},
		{"a receiver that fails half of the time is degraded", []func(*fleet){stops(0, "lab-7"), stops(20, three...), mixed(500, 20, three...)}, detect.Sources{},
			[]string{"(receiver) receiver-degraded 14", "lab-1 partial 2 explained", "lab-2 partial 1 explained", "lab-3 partial 1 explained"}},
		{"so is one that fails three hosts, and not the others", []func(*fleet){stops(0, "lab-7"), fails(500, 40, three...)}, detect.Sources{},
			[]string{"(receiver) receiver-degraded 14", "lab-1 rejected 40 explained", "lab-2 rejected 39 explained", "lab-3 rejected 39 explained"}},
		{"one that fails two of them is not", []func(*fleet){stops(0, "lab-7", "lab-8"), stops(20, "lab-1", "lab-2"), mixed(500, 20, "lab-1", "lab-2")}, detect.Sources{},
			[]string{"lab-1 partial 2", "lab-2 partial 1"}},
		{"nor is one that refuses half of the PUTs of three", []func(*fleet){stops(0, "lab-7"), stops(20, three...), mixed(422, 20, three...)}, detect.Sources{},
			[]string{"lab-1 partial 2", "lab-2 partial 1", "lab-3 partial 1"}},
		{"nor one that has failed, and accepts again", []func(*fleet){fails(500, 14, three...), func(f *fleet) {
			f.b.Puts = slices.DeleteFunc(f.b.Puts, func(p store.Put) bool { return p.At > now-6*store.Minute })
			f.steady(5, 0, three...)
		}}, detect.Sources{}, nil},
		{"a host none of whose PUTs failed is not unstamped, whatever another is called", []func(*fleet){stops(0, three...), func(f *fleet) {
			for m := int64(20); m > 0; m-- {
				f.rejections("lab-1", 1, now-m*store.Minute, "unstamped") // of "lab-1 x"
			}
		}}, detect.Sources{}, nil},
		{"nothing is found in a journal that is not read", []func(*fleet){fails(500, 20, three...)}, detect.Sources{
			Journal: detect.Source{Held: "it is not read", Unread: true}}, []string{"(receiver) journal-unread 0"}},
		{"lines that are not understood are said", []func(*fleet){stops(0, three...)}, detect.Sources{NoPuts: true},
			[]string{"(receiver) unreadable 0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t)
			for _, fact := range c.make {
				fact(f)
			}
			f.save()
			if got := f.follow(detect.DefaultThresholds(), c.read, now); !slices.Equal(got, c.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

// TestADeadHostDoesNotRecoverWithTheReceiver: when the receiver was well again, all silences
// started anew, and the incident of a host that had been dead before it ended.
func TestADeadHostDoesNotRecoverWithTheReceiver(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.steady(180, 60, "lab-9")
	f.steady(180, 20, "lab-1", "lab-2", "lab-3")
	for m := int64(20); m > 5; m-- {
		for i, host := range []string{"lab-1", "lab-2", "lab-3"} {
			f.puts(host, 1, now-m*store.Minute+int64(i)*store.Second, 500)
		}
	}
	f.steady(5, 0, "lab-1", "lab-2", "lab-3")
	f.save()
	short := detect.DefaultThresholds()
	short.Hold = 5 * store.Minute
	for _, pass := range []struct {
		at   int64
		want []string
	}{
		{now - 25*store.Minute, []string{"lab-9 silent 36"}},
		{now - 8*store.Minute, []string{"lab-9 silent 53", "(receiver) receiver-failing 12"}},
		{now, []string{"lab-9 silent 61", "(receiver) receiver-failing 20"}},
		{now + 6*store.Minute, []string{"lab-9 silent 67"}},
	} {
		if got := f.follow(short, detect.Sources{}, pass.at); !slices.Equal(got, pass.want) {
			t.Errorf("at minute %d got %q, want %q", (pass.at-now)/store.Minute, got, pass.want)
		}
	}
}

// TestASourceThatIsNotReadTeachesTheRhythm: while no line was understood as a PUT, hosts
// learnt that they ship nothing, so no silence was ever found.
func TestASourceThatIsNotReadTeachesTheRhythm(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	const days = 5
	start := now - days*24*store.Hour
	read := detect.Sources{NoPuts: true}
	for at := start; at < now; at += 5 * store.Minute {
		f.ship("lab-1", at)
	}
	f.save()
	for at := start; at < now; at += 6 * store.Hour {
		f.follow(detect.DefaultThresholds(), read, at)
	}
	// Two hours after the time of the day at which all began.
	f.b.Now = now + 3*store.Hour
	for at := now; at < now+2*store.Hour; at += 5 * store.Minute {
		f.ship("lab-1", at)
	}
	f.save()
	f.follow(detect.DefaultThresholds(), read, now+2*store.Hour)
	got := f.follow(detect.DefaultThresholds(), read, now+3*store.Hour)
	if want := "lab-1 silent 65"; !slices.Contains(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestInventedNamesAreNoGroup: three names that anybody invents were a group, which was never
// well again and explained that a host was refused.
func TestInventedNamesAreNoGroup(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.steady(180, 0, "lab-7", "lab-8")
	f.steady(180, 20, "lab-1")
	for m := int64(40); m > 0; m-- {
		for i, name := range []string{"no-1", "no-2", "no-3", "lab-1"} {
			if m <= 20 || name != "lab-1" {
				f.puts(name, 1, now-m*store.Minute+int64(i)*store.Second, 404)
			}
		}
	}
	f.save()
	got := f.follow(detect.DefaultThresholds(), detect.Sources{}, now)
	want := []string{"lab-1 rejected 19", "no-1 rejected 40", "no-2 rejected 39", "no-3 rejected 39"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestADeadHostIsNotPartial: a host whose PUTs failed in part, and that then sent nothing, was
// partial for a day.
func TestADeadHostIsNotPartial(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.steady(180, 0, "lab-7", "lab-8")
	f.steady(180, 90, "lab-1")
	for m := int64(90); m > 60; m-- {
		f.puts("lab-1", 1, now-m*store.Minute, []int32{200, 422, 422}[m%3])
		if m%3 == 0 {
			f.ship("lab-1", now-m*store.Minute)
		}
	}
	f.save()
	for _, pass := range []struct {
		at   int64
		want string
	}{{now - 60*store.Minute, "lab-1 partial 2"}, {now, "lab-1 silent 62"}} {
		if got := f.follow(detect.DefaultThresholds(), detect.Sources{}, pass.at); !slices.Equal(got, []string{pass.want}) {
			t.Errorf("at minute %d got %q, want %q", (pass.at-now)/store.Minute, got, pass.want)
		}
	}
}

// TestOneFailedPutEndsNoSilence: a host that had not shipped for hours sent one PUT, which was
// refused. It was no longer silent, and not yet rejected, so its incident ended as recovered, and
// another one began.
func TestOneFailedPutEndsNoSilence(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.steady(300, 0, "lab-7", "lab-8")
	f.steady(300, 120, "lab-1")
	f.puts("lab-1", 1, now-60*store.Minute, 409)
	f.puts("lab-1", 1, now-12*store.Minute, 409)
	f.save()
	for m := int64(90); m >= 10; m -= 5 {
		at, want := now-m*store.Minute, "lab-1 silent"
		if m == 10 {
			want = "lab-1 rejected"
		}
		if got := f.follow(detect.DefaultThresholds(), detect.Sources{}, at); len(got) != 1 || !strings.HasPrefix(got[0], want) {
			t.Errorf("at minute %d got %q, want %q", -m, got, want)
		}
	}
}

// TestAHostThatCameBackIsNotOfItsGroup: two of five hosts that stopped together came back, and
// one of them died some hours later. The group, which was still open, explained that.
func TestAHostThatCameBackIsNotOfItsGroup(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.steady(180, -400, "lab-7", "lab-8")
	f.steady(180, 35, "lab-1", "lab-2", "lab-3", "lab-4", "lab-5")
	f.steady(-60, -300, "lab-1")
	f.steady(-60, -400, "lab-2")
	f.b.Now = now + 400*store.Minute
	f.save()
	for m := int64(0); m < 340; m += 20 {
		f.follow(detect.DefaultThresholds(), detect.Sources{}, now+m*store.Minute)
	}
	got := f.follow(detect.DefaultThresholds(), detect.Sources{}, now+340*store.Minute)
	want := []string{"(group) group-silent 375", "lab-3 silent 375 explained", "lab-4 silent 375 explained", "lab-5 silent 375 explained", "lab-1 silent 41"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestTheEndOfADayIsNoSilence: all hosts of an office stop at six. The receiver was silent each
// evening, until the next morning. That it stops at noon is still found.
func TestTheEndOfADayIsNoSilence(t *testing.T) {
	t.Parallel()
	const hour = store.Hour
	day := now / (24 * hour) * 24 * hour
	for _, c := range []struct {
		name  string
		until int64 // of the last day, in hours
		at    int64 // of the pass, in minutes of that day
		want  []string
	}{
		{"in the evening", 18, 18*60 + 12, nil},
		{"in the night", 18, 26 * 60, nil},
		{"at noon", 12, 12*60 + 17, []string{"(receiver) receiver-silent 20"}},
		{"at noon, and it is night", 12, 26 * 60, []string{"(receiver) receiver-silent 843", "a silent 843 explained", "b silent 843 explained", "c silent 843 explained",
			"d silent 843 explained"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t)
			f.b.Now = day + 48*hour
			for d := int64(-7); d <= 0; d++ {
				until := int64(18)
				if d == 0 {
					until = c.until
				}
				for at := day + d*24*hour + 8*hour; at < day+d*24*hour+until*hour; at += 3 * store.Minute {
					for _, host := range []string{"a", "b", "c", "d"} {
						f.ship(host, at)
					}
				}
			}
			f.save()
			read := detect.Sources{Journal: detect.Source{Off: true}}
			f.follow(detect.DefaultThresholds(), read, day-12*hour) // at noon of the day before: they learn
			if got := f.follow(detect.DefaultThresholds(), read, day+c.at*store.Minute); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// TestTwoOutagesMakeNoPartialHosts: after the second of two outages of the receiver, half of the
// last PUTs of each host had failed, in two turns. All of them were said to be partial.
func TestTwoOutagesMakeNoPartialHosts(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	for m := int64(600); m > 0; m -= 10 {
		for i, host := range []string{"a", "b", "c", "d", "e", "f"} {
			at, status := now-m*store.Minute+int64(i)*store.Second, int32(200)
			if m > 150 && m <= 200 || m > 50 && m <= 110 {
				status = 500
			} else {
				f.ship(host, at)
			}
			f.puts(host, 1, at, status)
		}
	}
	f.save()
	outages := 0
	for m := int64(210); m >= 0; m -= 5 {
		open := f.follow(detect.DefaultThresholds(), detect.Sources{}, now-m*store.Minute)
		for _, line := range open {
			if strings.HasPrefix(line, "(receiver) ") {
				outages++
			} else if !strings.HasSuffix(line, " explained") {
				t.Errorf("at minute %d: %s", -m, line)
			}
		}
	}
	if outages < 20 {
		t.Errorf("the outage of the receiver was found in %d passes", outages)
	}
}

// TestWhatAJournalFoundEndsWithoutOne: an operator who turned the journal off kept the incidents
// that it had found for ever, although the hosts shipped.
func TestWhatAJournalFoundEndsWithoutOne(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.b.Now = now + store.Hour
	f.steady(180, -60, "lab-7", "lab-8")
	f.steady(180, 20, "lab-1")
	for m := int64(20); m >= 0; m-- {
		f.puts("lab-1", 1, now-m*store.Minute, 412)
	}
	f.steady(-1, -60, "lab-1")
	f.save()
	none := detect.Sources{Journal: detect.Source{Off: true}}
	for _, pass := range []struct {
		at   int64
		read detect.Sources
		want []string
	}{
		{0, detect.Sources{}, []string{"lab-1 rejected 20"}},
		{5, detect.Sources{Journal: detect.Source{Held: "it is not read", Unread: true}}, []string{"lab-1 rejected 25", "(receiver) journal-unread 0"}},
		{30, none, []string{"lab-1 rejected 50", "(receiver) journal-unread 25"}},
		{45, none, nil},
	} {
		if got := f.follow(detect.DefaultThresholds(), pass.read, now+pass.at*store.Minute); !slices.Equal(got, pass.want) {
			t.Errorf("at minute %d got %q, want %q", pass.at, got, pass.want)
		}
	}
}

// TestARefusedHostKeepsItsFixInAnOutage: the last answer of a host that was refused with 412
// before an outage is a 500, so it was said that the host only meets the receiver's error.
func TestARefusedHostKeepsItsFixInAnOutage(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.steady(180, 60, "lab-9")
	f.steady(180, 20, "lab-1", "lab-2", "lab-3")
	for m := int64(60); m > 0; m-- {
		for i, host := range []string{"lab-9", "lab-1", "lab-2", "lab-3"} {
			switch at := now - m*store.Minute + int64(i)*store.Second; {
			case m <= 20:
				f.puts(host, 1, at, 500)
			case host == "lab-9":
				f.puts(host, 1, at, 412)
			}
		}
	}
	f.save()
	f.follow(detect.DefaultThresholds(), detect.Sources{}, now-25*store.Minute)
	want := []string{"lab-9 rejected 60", "(receiver) receiver-failing 20"}
	if got := f.follow(detect.DefaultThresholds(), detect.Sources{}, now); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	err := f.s.View(t.Context(), func(tx *store.Tx) error {
		open, err := tx.OpenIncidents()
		if fix := open[0].Fix; !strings.Contains(fix, "the code commit is refused") {
			t.Errorf("the fix of %s is: %s", open[0].Subject, fix)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestAReceiverFailsUntilItAccepts: a fleet that PUTs once an hour was answered with 500, and in
// each hour the receiver was well again a quarter of an hour later, and failed anew.
func TestAReceiverFailsUntilItAccepts(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	hosts := []string{"a", "b", "c", "d"}
	for h := int64(12); h > -4; h-- {
		for i, host := range hosts {
			at, status := now-h*store.Hour+int64(i)*store.Second, int32(500)
			if h > 3 || h <= -2 {
				f.ship(host, at)
				status = 200
			}
			f.puts(host, 1, at, status)
		}
	}
	f.b.Now = now + 4*store.Hour
	f.save()
	for m := int64(5); m <= 180; m += 5 {
		got := f.follow(detect.DefaultThresholds(), detect.Sources{}, now+m*store.Minute)
		failing := slices.ContainsFunc(got, func(line string) bool { return strings.HasPrefix(line, "(receiver) receiver-failing") })
		if want := m < 135; failing != want {
			t.Errorf("at minute %d got %q", m, got)
		}
	}
}

// TestAGapEndsNoSilence: after a gap of the index, silences count from its end. So the incident
// of a host that had been silent before it was resolved, though it had not shipped.
func TestAGapEndsNoSilence(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.steady(180, 60, "lab-9")
	f.steady(180, 0, "lab-1", "lab-2", "lab-3")
	f.save()
	short := detect.DefaultThresholds()
	short.Hold = store.Minute
	f.follow(short, detect.Sources{}, now-8*store.Minute)
	f.gap(store.StreamIndex, store.GapTruncated, now-7*store.Minute, now-6*store.Minute)
	for _, at := range []int64{now - 4*store.Minute, now} {
		if got := f.follow(short, detect.Sources{}, at); len(got) != 1 || !strings.HasPrefix(got[0], "lab-9 silent") {
			t.Errorf("at minute %d got %q", (at-now)/store.Minute, got)
		}
	}
}
