package detect_test

import (
	"database/sql"
	"slices"
	"strings"
	"testing"

	"github.com/cis490/fleet-health/detect"
	"github.com/cis490/fleet-health/store"
)

// set sets a threshold of a host, as an operator does some minutes after now.
func (f *fleet) set(host, name string, value, minute int64) {
	f.Helper()
	act := store.Act{At: now + minute*store.Minute, Act: store.ActSet, Host: sql.NullString{String: host, Valid: true}, Who: "alice",
		Setting: sql.NullString{String: name, Valid: true}, Value: sql.NullInt64{Int64: value, Valid: true}, Typed: sql.NullString{String: "as typed", Valid: true}}
	if value < 0 {
		act.Act, act.Value = store.ActUnset, sql.NullInt64{}
	}
	if err := f.s.Update(f.Context(), func(tx *store.Tx) error { return tx.AddAct(act) }); err != nil {
		f.Fatal(err)
	}
}

// TestASettingHoldsForItsHost: each setting decides about its host, and about no other one.
func TestASettingHoldsForItsHost(t *testing.T) {
	t.Parallel()
	hosts := []string{"lab-1", "lab-2"}
	silentSince := func(minutes int64) func(*fleet) {
		return func(f *fleet) { f.steady(180, minutes, hosts...) }
	}
	usual := func(f *fleet) { f.every(5, 5*days, 25, hosts...) } // half an hour is too long for it
	refused := func(n int, minutes int64) func(*fleet) {
		return func(f *fleet) {
			f.steady(300, 40, hosts...)
			for _, host := range hosts {
				f.puts(host, n, now-minutes*store.Minute, 412)
				f.ship(host, now)
			}
		}
	}
	for _, c := range []struct {
		name    string
		facts   func(*fleet)
		setting string
		value   int64
		want    []string // of lab-1, for which it is set
		other   []string // of lab-2
	}{
		{"a longer silence", silentSince(45), "silent-threshold", 90 * store.Minute, nil, []string{"lab-2 silent 45"}},
		{"a shorter silence", silentSince(24), "silent-threshold", 20 * store.Minute, []string{"lab-1 silent 25"}, nil},
		{"a silence whatever the rhythm", usual, "silent-threshold", 90 * store.Minute, nil, []string{"lab-2 silent 29"}},
		{"no rhythm", usual, "overdue", 0, nil, []string{"lab-2 silent 29"}},
		{"the rhythm, as ever", usual, "overdue", 1, []string{"lab-1 silent 30"}, []string{"lab-2 silent 29"}},
		{"later than its rhythm", usual, "overdue-after", 60 * store.Minute, nil, []string{"lab-2 silent 29"}},
		{"it may be refused", refused(6, 20), "rejected", 0, nil, []string{"lab-2 rejected 20"}},
		{"more refusals", refused(6, 20), "rejected-count", 7, nil, []string{"lab-2 rejected 20"}},
		{"fewer refusals", refused(4, 20), "rejected-count", 4, []string{"lab-1 rejected 20"}, nil},
		{"refused for longer", refused(6, 20), "rejected-after", 30 * store.Minute, nil, []string{"lab-2 rejected 20"}},
		{"it may fail half of the time", func(f *fleet) {
			f.steady(300, 40, hosts...)
			for m := int64(39); m >= 0; m-- {
				for _, host := range hosts {
					f.puts(host, 1, now-m*store.Minute, []int32{200, 412}[m%2])
					f.ship(host, now-m*store.Minute)
				}
			}
		}, "partial", 0, nil, []string{"lab-2 partial 1"}},
		{"fewer failures in vain", refused(4, 20), "fatal-min-count", 4, []string{"lab-1 rejected 20"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t)
			c.facts(f)
			f.every(1, 300, -60, "well") // the receiver is
			f.set("lab-1", c.setting, c.value, -1)
			want := slices.Concat(c.want, c.other)
			f.expect(0, want...)
		})
	}
}

// TestASettingHoldsFromItsTimeOn, and no longer once it is taken back.
func TestASettingHoldsFromItsTimeOn(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.steady(180, 24, "lab-1")
	f.every(1, 300, -100, "well")
	f.set("lab-1", "silent-threshold", 20*store.Minute, 1)
	f.expect(0)
	f.expect(1, "lab-1 silent 26")
	f.set("lab-1", "silent-threshold", 90*store.Minute, 2)
	for m := int64(2); m < 20; m += 5 {
		f.follow(detect.DefaultThresholds(), detect.Sources{}, now+m*store.Minute)
	}
	f.expect(20)
	f.set("lab-1", "silent-threshold", -1, 21)
	f.expect(21, "lab-1 silent 46")
}

// TestTheSilenceOfAHostIsItsOwnInTheFileOfAlerts, too.
func TestTheSilenceOfAHostIsItsOwnInTheFileOfAlerts(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.ship("lab-1", now-40*store.Minute)
	f.ship("lab-2", now-40*store.Minute)
	f.ship("lab-3", now-12*store.Minute)
	f.ship("lab-4", now-12*store.Minute)
	f.set("lab-1", "silent-threshold", 90*store.Minute, -1)
	f.set("lab-3", "silent-threshold", 10*store.Minute, -1)
	f.save()
	var found []string
	err := f.s.View(f.Context(), func(tx *store.Tx) error {
		judgments, err := detect.Find(tx, detect.DefaultThresholds(), detect.Sources{}, now)
		for _, one := range judgments[0].Findings {
			found = append(found, one.Host)
		}
		return err
	})
	if got := strings.Join(found, " "); err != nil || got != "lab-2 lab-3" {
		t.Errorf("%v, found %q, want lab-2 lab-3", err, got)
	}
}
