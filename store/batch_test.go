package store_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/cis490/fleet-health/store"
	"github.com/google/go-cmp/cmp"
)

// TestAFailedSaveLeavesEverything makes a batch fail at its end. Neither its rows nor its
// cursor may stay, and the next try stores all of it.
func TestAFailedSaveLeavesEverything(t *testing.T) {
	t.Parallel()
	for _, table := range []string{"cursors", "gaps", "quarantine", "rejection_hours", "put_hours", "ship_hours", "unit_states", "receiver_errors"} {
		t.Run(table, func(t *testing.T) {
			t.Parallel()
			s, _ := mustOpen(t)
			source := mustSource(t, s, store.StreamIndex)
			batch := func() *store.Batch {
				b := &store.Batch{Source: source, Now: now, State: "behind", Hosts: []string{"b"}, Series: []store.Series{{Host: "a", Commit: "c"}},
					Ships:       []store.Ship{{ReceivedAt: now, LineHash: 1}},
					Puts:        []store.Put{{At: now, CursorHash: 2, Status: 200}},
					Rejections:  []store.Rejection{{At: now, CursorHash: 3, Reason: store.ReasonOther}},
					UnitChanges: []store.UnitChange{{At: now, CursorHash: 4, State: store.UnitStarted}},
					Errors:      []store.ReceiverError{{At: now, CursorHash: 5, Kind: store.KindError, Text: "x"}},
					Gaps:        []store.Gap{{Reason: store.GapRotated, From: now, To: now}}}
				b.Quarantine.Add(store.Quarantined{Reason: "not-json"}, func() []byte { return nil })
				return b
			}
			script := func(sql string) {
				t.Helper()
				err := s.Update(t.Context(), func(tx *store.Tx) error { _, err := tx.Exec(sql); return err })
				if err != nil {
					t.Fatal(err)
				}
			}
			script("CREATE TRIGGER broken BEFORE INSERT ON " + table + " BEGIN SELECT RAISE(ABORT, 'broken'); END")
			if _, err := s.Save(t.Context(), batch()); err == nil {
				t.Fatal("the broken batch was saved")
			}
			if cursor, err := s.Cursor(t.Context(), source); err != nil || cursor != (store.Cursor{}) {
				t.Errorf("the cursor stands at %+v (%v)", cursor, err)
			}
			for _, table := range []string{"ships", "puts", "rejections", "hosts", "series", "code_commits", "ship_hours", "put_hours", "rejection_hours", "gaps", "quarantine", "quarantine_lines",
				"unit_states", "receiver_errors", "error_texts"} {
				if n := mustSelect[int](t, s, "SELECT COUNT(*) FROM "+table); n[0] != 0 {
					t.Errorf("%d rows stay in %s", n[0], table)
				}
			}
			script("DROP TRIGGER broken")
			saved := mustSave(t, s, batch())
			if diff := cmp.Diff(store.Saved{Ships: 1, Puts: 1, Rejections: 1, Quarantined: 1}, saved); diff != "" {
				t.Errorf("the second try (-want +got):\n%s", diff)
			}
			hosts := mustSelect[string](t, s, "SELECT host FROM ship_log UNION ALL SELECT host FROM put_log UNION ALL SELECT host FROM rejection_log")
			if diff := cmp.Diff([]string{"a", "b", "b"}, hosts); diff != "" {
				t.Errorf("hosts of the facts (-want +got):\n%s", diff)
			}
			if cursor, err := s.Cursor(t.Context(), source); err != nil || cursor.State != "behind" {
				t.Errorf("the cursor stands at %+v (%v)", cursor, err)
			}
		})
	}
}

// TestMadeUpHostNamesAreBounded shows that a scanner fills neither the disk nor the table of
// hosts. A host that ships always has its own name.
func TestMadeUpHostNamesAreBounded(t *testing.T) {
	t.Parallel()
	s, path := mustOpen(t)
	source := mustSource(t, s, store.StreamJournal)
	at := now - store.Hour
	put := func(s *store.Store, names ...string) {
		t.Helper()
		b := &store.Batch{Source: source, Now: now, Hosts: names}
		for i := range names {
			at += store.Second // no minute is over quota
			b.Puts = append(b.Puts, store.Put{At: at, CursorHash: uint64(at), Host: int32(i), Status: 404})
		}
		mustSave(t, s, b)
	}
	known := func(s *store.Store) (n int) {
		t.Helper()
		if err := s.Update(t.Context(), func(tx *store.Tx) (err error) { n, err = tx.Hosts(); return err }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	putsOf := func(s *store.Store, host string) int {
		t.Helper()
		return mustSelect[int](t, s, "SELECT COUNT(*) FROM put_log WHERE host = ?", host)[0]
	}
	var scan []string
	for i := range 1500 {
		scan = append(scan, fmt.Sprintf("made-up-%d", i))
	}
	put(s, scan[:600]...)
	put(s, scan[600:]...)
	if n := known(s); n != store.MaxNeverShipped {
		t.Errorf("%d hosts are known, want %d", n, store.MaxNeverShipped)
	}
	if n := putsOf(s, store.OverflowHost); n != 500 {
		t.Errorf("%d PUTs are under %s, want 500", n, store.OverflowHost)
	}
	// The bound holds for the next pass too.
	s.Close()
	s = mustReopen(t, path)
	put(s, "one-more")
	if n := putsOf(s, store.OverflowHost); n != 501 {
		t.Errorf("%d PUTs are under %s, want 501", n, store.OverflowHost)
	}
	// A PUT that is read again is the same PUT, although its host now has its own name.
	again := &store.Batch{Source: source, Now: now, Hosts: []string{"late"}, Series: []store.Series{{Host: "late"}},
		Puts: []store.Put{{At: now, CursorHash: 1 << 60, Status: 404}}}
	mustSave(t, s, again)
	again.Ships = []store.Ship{{ReceivedAt: now}}
	if saved := mustSave(t, s, again); saved.Puts != 0 {
		t.Error("a PUT read again counts twice")
	}
	// Hosts that ship do not count against the bound: one that had its own name makes
	// room for another, and one that had none gets it.
	mustSave(t, s, &store.Batch{Source: source, Now: now, Series: []store.Series{{Host: "made-up-7"}, {Host: "made-up-1400"}, {Host: "lab-1"}},
		Ships: []store.Ship{{ReceivedAt: now, Series: 0}, {ReceivedAt: now, Series: 1}, {ReceivedAt: now, Series: 2},
			{ReceivedAt: now + 9*store.Hour, Series: 2}}})
	put(s, "a", "bb", "made-up-1400", "lab-1")
	want := map[string]int{"a": 1, "bb": 0, "made-up-7": 1, "made-up-1400": 1, "lab-1": 1, store.OverflowHost: 503}
	for host, n := range want {
		if got := putsOf(s, host); got != n {
			t.Errorf("%d PUTs are under %s, want %d", got, host, n)
		}
	}
	if n := known(s); n != store.MaxNeverShipped+4 {
		t.Errorf("%d hosts are known, want %d", n, store.MaxNeverShipped+4)
	}
}

func TestValidHost(t *testing.T) {
	t.Parallel()
	long := fmt.Sprintf("%0255d", 1)
	for name, want := range map[string]bool{"lab-1": true, "é☃": true, "a b": true, long: true, "\u202e": true, "..": true,
		"": false, long + "1": false, "a/b": false, "/": false, "a\nb": false, "\x1b[2J": false, "\x00": false, "\x7f": false,
		"\u0085": false, "\xff": false, "a\xc3": false} {
		if got := store.ValidHost(name); got != want {
			t.Errorf("validHost(%q) is %v, want %v", name, got, want)
		}
	}
}

// TestNamesMakeRoom: the first thousand invented names kept all others out forever.
func TestNamesMakeRoom(t *testing.T) {
	t.Parallel()
	const day = 24 * store.Hour
	s, path := mustOpen(t)
	source, hash := mustSource(t, s, store.StreamJournal), uint64(0)
	// say saves PUTs or rejections of names, a second apart, and returns the names under which they count.
	say := func(at int64, reject bool, names ...string) []string {
		t.Helper()
		b := &store.Batch{Source: source, Now: at + store.Hour, Hosts: names}
		for i := range names {
			hash++
			if reject {
				b.Rejections = append(b.Rejections, store.Rejection{At: at + int64(i)*store.Second, CursorHash: hash, Host: int32(i), Reason: store.ReasonOther})
			} else {
				b.Puts = append(b.Puts, store.Put{At: at + int64(i)*store.Second, CursorHash: hash, Host: int32(i), Status: 401})
			}
		}
		mustSave(t, s, b)
		return mustSelect[string](t, s, "SELECT host FROM (SELECT host, at_us FROM put_log UNION ALL SELECT host, at_us FROM rejection_log) WHERE at_us >= ? ORDER BY at_us", at)
	}
	names := func(prefix string, n int) (names []string) {
		for i := range n {
			names = append(names, fmt.Sprint(prefix, i))
		}
		return names
	}
	all := names("made-up-", store.MaxNeverShipped)
	say(now, false, all...)
	check := func(what string, want, got []string) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	check("all room is taken", []string{store.OverflowHost}, say(now+2*store.Hour, false, "late"))
	say(now+3*day, true, all[:10]...)
	say(now+3*day+store.Hour, false, all[10:20]...)
	s.Close()
	s = mustReopen(t, path)
	check("a week after most of them", []string{"new", "newer", "made-up-0"}, say(now+7*day+2*store.Hour, false, "new", "newer", "made-up-0"))
	// Twenty were heard of since, and two are new.
	rest := names("other-", store.MaxNeverShipped-22)
	check("the room that was made is taken", slices.Concat(rest, []string{store.OverflowHost, "made-up-3", store.OverflowHost}),
		say(now+7*day+3*store.Hour, false, slices.Concat(rest, []string{"one-more", "made-up-3", "made-up-500"})...))
	s.Close()
	s = mustReopen(t, path)
	check("the room is still taken", []string{store.OverflowHost}, say(now+7*day+6*store.Hour, true, "made-up-501"))
	s.Close()
	s = mustReopen(t, path)
	check("and free again after another week", []string{"made-up-501", "one-more"}, say(now+15*day, false, "made-up-501", "one-more"))
}
