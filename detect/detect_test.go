package detect_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/cis490/fleet-health/detect"
	"github.com/cis490/fleet-health/store"
	"github.com/google/go-cmp/cmp"
)

const now = 1777636800*store.Second + 17*store.Minute // 2026-05-01T12:17:00Z

var thresholds = detect.Thresholds{Lookback: 24 * store.Hour, SilentThreshold: 30 * store.Minute,
	RecentWindow: 30 * store.Minute, FatalRatio: 0.95, FatalMinCount: 10}

// TestKeyIsThePredecessors compares with keys from the predecessor's formula.
func TestKeyIsThePredecessors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		host, symptom string
		at            int64
		want          string
	}{
		{"lab-1", "silent", 1777636800 * store.Second, "86f1d562664bb153"},
		{"lab-1", "silent", 1777640399*store.Second + 999_999, "86f1d562664bb153"}, // the hour's last microsecond
		{"lab é|x", "fatal-only", 1798761599 * store.Second, "75266abf4ebeaeb2"},
		{"", "unstamped", 0, "fcecf6736055257c"},
	} {
		if got := detect.Key(c.host, c.symptom, c.at); got != c.want {
			t.Errorf("key of %q, %q at %d is %s, want %s", c.host, c.symptom, c.at, got, c.want)
		}
	}
}

func TestDecide(t *testing.T) {
	t.Parallel()
	stored := &store.Alert{}
	for _, c := range []struct {
		name         string
		stored       *store.Alert
		neverShipped bool
		madeUp       int
		want         detect.Reason
	}{
		{"a host that ships is alerted", nil, false, 0, detect.AlertNow},
		{"a host that ships is alerted whatever names are made up", nil, false, detect.MaxMadeUp, detect.AlertNow},
		{"a host that ships is alerted once an hour", stored, false, 0, detect.AlreadyThisHour},
		{"a name that never shipped is alerted as long as there is room", nil, true, detect.MaxMadeUp - 1, detect.AlertNow},
		{"a name that never shipped is not alerted beyond that", nil, true, detect.MaxMadeUp, detect.TooManyNames},
		{"a name that never shipped keeps the alert that it has", stored, true, detect.MaxMadeUp, detect.AlreadyThisHour},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := detect.Decide(c.stored, c.neverShipped, c.madeUp); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// fleet is a database with facts of hosts.
type fleet struct {
	*testing.T
	path string
	s    *store.Store
	b    store.Batch
	n    uint64
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fleet.db")
	s, err := store.Open(t.Context(), path, store.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	source, err := s.Source(t.Context(), store.StreamJournal)
	if err != nil {
		t.Fatal(err)
	}
	return &fleet{T: t, path: path, s: s, b: store.Batch{Source: source, Now: now}}
}

func (f *fleet) host(name string) int32 {
	f.n++
	f.b.Hosts = append(f.b.Hosts, name)
	return int32(len(f.b.Hosts) - 1)
}

func (f *fleet) ship(name string, at int64) {
	f.n++
	f.b.Ships = append(f.b.Ships, store.Ship{ReceivedAt: at, Series: int32(len(f.b.Series)), LineHash: f.n})
	f.b.Series = append(f.b.Series, store.Series{Host: name})
}

func (f *fleet) puts(name string, n int, at int64, status int32) {
	for range n {
		f.b.Puts = append(f.b.Puts, store.Put{At: at, Host: f.host(name), CursorHash: f.n, Status: status})
	}
}

func (f *fleet) rejections(name string, n int, at int64, reason string) {
	for range n {
		f.b.Rejections = append(f.b.Rejections, store.Rejection{At: at, Host: f.host(name), CursorHash: f.n, Reason: reason})
	}
}

// detect saves the facts and runs the detectors. It returns "host symptom" for each new
// alert.
func (f *fleet) detect(read detect.Sources, at int64) (found []string) {
	f.Helper()
	f.b.Now = at
	if _, err := f.s.Save(f.Context(), &f.b); err != nil {
		f.Fatal(err)
	}
	f.b = store.Batch{Source: f.b.Source}
	err := f.s.Update(f.Context(), func(tx *store.Tx) error {
		var before int64
		if err := tx.Get(&before, "SELECT COALESCE(MAX(id), 0) FROM alerts"); err != nil {
			return err
		}
		judgments, err := detect.Find(tx, thresholds, read, at)
		if err != nil {
			return err
		}
		n, err := detect.Raise(tx, judgments, at, 0)
		if err != nil {
			return err
		}
		if err := tx.Select(&found, "SELECT host || ' ' || symptom FROM alerts WHERE id > ? ORDER BY id", before); err != nil {
			return err
		}
		if n != len(found) {
			f.Errorf("it counts %d alerts, and has stored %q", n, found)
		}
		return nil
	})
	if err != nil {
		f.Fatal(err)
	}
	return found
}

func (f *fleet) alerts() (alerts []store.Alert) {
	f.Helper()
	err := f.s.View(f.Context(), func(tx *store.Tx) error { return tx.Select(&alerts, "SELECT * FROM alerts ORDER BY id") })
	if err != nil {
		f.Fatal(err)
	}
	return alerts
}

var (
	bothRead = detect.Sources{}
	unread   = detect.Source{Held: "it could not be read"}
)

func (f *fleet) finds(want ...string) {
	f.Helper()
	if diff := cmp.Diff(want, f.detect(bothRead, now)); diff != "" {
		f.Errorf("alerts (-want +got):\n%s", diff)
	}
}

// TestTheEdgesOfEachDetector puts facts on both sides of every threshold.
func TestTheEdgesOfEachDetector(t *testing.T) {
	t.Parallel()
	const minute = store.Minute
	for _, c := range []struct {
		name  string
		facts func(*fleet)
		want  []string
	}{
		{"a last ship exactly the threshold ago is not silent", func(f *fleet) { f.ship("a", now-30*minute) }, nil},
		{"a last ship a microsecond longer ago is silent", func(f *fleet) { f.ship("a", now-30*minute-1) }, []string{"a silent"}},
		{"a last ship exactly the lookback ago is silent", func(f *fleet) { f.ship("a", now-24*60*minute) }, []string{"a silent"}},
		{"a last ship before the lookback is no longer expected", func(f *fleet) { f.ship("a", now-24*60*minute-1) }, nil},
		{"a ship now is not silent", func(f *fleet) { f.ship("a", now-40*minute); f.ship("a", now) }, nil},
		{"a ship from the future does not hide silence", func(f *fleet) { f.ship("a", now-40*minute); f.ship("a", now+1); f.ship("a", now+90*minute) }, []string{"a silent"}},
		{"a host with ships from the future alone is not silent", func(f *fleet) { f.ship("a", now+1); f.ship("a", now+90*minute) }, nil},

		{"ten failures are fatal", func(f *fleet) { f.puts("a", 5, now, 412); f.puts("a", 5, now, 503) }, []string{"a fatal-only"}},
		{"nine failures are too few", func(f *fleet) { f.puts("a", 9, now, 412) }, nil},
		{"nine failures and a redirection are too few", func(f *fleet) { f.puts("a", 9, now, 412); f.puts("a", 5, now, 304) }, nil},
		{"ten failures among redirections are fatal", func(f *fleet) { f.puts("a", 10, now, 412); f.puts("a", 50, now, 304) }, []string{"a fatal-only"}},
		{"one success among many failures is not fatal", func(f *fleet) { f.puts("a", 200, now, 412); f.puts("a", 1, now, 299) }, nil},
		{"a failure at the start of the window counts", func(f *fleet) { f.puts("a", 10, now-30*minute, 499) }, []string{"a fatal-only"}},
		{"a failure before the window does not count", func(f *fleet) { f.puts("a", 9, now, 499); f.puts("a", 1, now-30*minute-1, 499) }, nil},
		{"a failure from the future does not count", func(f *fleet) { f.puts("a", 9, now, 599); f.puts("a", 1, now+1, 599) }, nil},
		{"a success before the window does not count", func(f *fleet) { f.puts("a", 10, now, 400); f.puts("a", 1, now-30*minute-1, 200) }, []string{"a fatal-only"}},

		{"ten rejections for the header are unstamped", func(f *fleet) { f.rejections("a", 10, now-30*minute, store.ReasonUnstamped) }, []string{"a unstamped"}},
		{"nine rejections for the header are too few", func(f *fleet) {
			f.rejections("a", 9, now, store.ReasonUnstamped)
			f.rejections("a", 9, now, store.ReasonOther)
		}, nil},
		{"rejections before the window and from the future do not count", func(f *fleet) {
			f.rejections("a", 9, now, store.ReasonUnstamped)
			f.rejections("a", 5, now-30*minute-1, store.ReasonUnstamped)
			f.rejections("a", 5, now+1, store.ReasonUnstamped)
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t)
			c.facts(f)
			f.finds(c.want...)
		})
	}
}

func TestADetectorIsHeldBackWithoutItsSource(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.ship("a", now-40*store.Minute)
	f.puts("a", 10, now, 400)
	f.rejections("a", 10, now, store.ReasonUnstamped)
	if found := f.detect(detect.Sources{Index: unread, Journal: unread}, now); found != nil {
		t.Errorf("found %q without a source", found)
	}
	if diff := cmp.Diff([]string{"a silent"}, f.detect(detect.Sources{Journal: unread}, now)); diff != "" {
		t.Errorf("with the index only (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"a fatal-only", "a unstamped"}, f.detect(bothRead, now)); diff != "" {
		t.Errorf("with both (-want +got):\n%s", diff)
	}
}

// TestNamesThatStandForManyAreOneAlertAnHour: hosts over the bound and invalid names were
// alerted both as fatal-only and as unstamped. Invalid names in the index were alerted as
// silent.
func TestNamesThatStandForManyAreOneAlertAnHour(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	for i := range store.MaxNeverShipped + 30 {
		name := fmt.Sprintf("made-up-%04d", i)
		f.puts(name, 1, now-20*store.Minute, 404)
		f.rejections(name, 1, now-10*store.Minute, store.ReasonUnstamped)
	}
	for i := range 30 {
		name := fmt.Sprintf("/made/up/%04d", i)
		f.ship(name, now-2*store.Hour)
		f.puts(name, 1, now-20*store.Minute, 404)
		f.rejections(name, 1, now-10*store.Minute, store.ReasonUnstamped)
	}
	f.finds("(invalid) fatal-only", "(overflow) fatal-only")
	// The PUTs have left the window, but the rejections have not.
	if found := f.detect(bothRead, now+15*store.Minute); found != nil {
		t.Errorf("found %q in the same hour", found)
	}
}

// TestTheQueriesRunByHand runs the queries in Debian's sqlite3, as an operator does.
func TestTheQueriesRunByHand(t *testing.T) {
	t.Parallel()
	sqlite3, err := exec.LookPath("sqlite3")
	if err != nil && os.Getenv("CI") != "" {
		t.Fatal(err)
	}
	if err != nil {
		t.Skip(err)
	}
	f := newFleet(t)
	f.ship("a", now-40*store.Minute)
	f.puts("a", 10, now, 412)
	f.rejections("a", 11, now, store.ReasonUnstamped)
	f.finds("a silent", "a fatal-only", "a unstamped")
	for query, want := range map[string]string{
		"silent.sql":     fmt.Sprintf("a|%d|0\n", now-40*store.Minute),
		"fatal_only.sql": "a|10|0\n",
		"unstamped.sql":  "a|11\n",
	} {
		cmd := exec.Command(sqlite3, "-readonly", f.path, fmt.Sprintf(".param set :now %d", now),
			fmt.Sprintf(".param set :window %d", thresholds.RecentWindow), fmt.Sprintf(".param set :threshold %d", thresholds.SilentThreshold),
			fmt.Sprintf(".param set :lookback %d", thresholds.Lookback), ".param set :min_count 10", ".param set :ratio 0.95", ".read "+query)
		if out, err := cmd.CombinedOutput(); err != nil || string(out) != want {
			t.Errorf("%s says %q (%v), want %q", query, out, err, want)
		}
	}
}

// TestMadeUpNamesAreFewAlerts: a thousand invented names caused a thousand alerts an hour.
// All names over the bound share one alert with their number. Alerts of hosts that ship
// are not bounded.
func TestMadeUpNamesAreFewAlerts(t *testing.T) {
	t.Parallel()
	const bound = detect.MaxMadeUp
	f := newFleet(t)
	madeUp := func(n int, at int64) {
		for i := range n {
			f.puts(fmt.Sprintf("made-up-%04d", i), 10, at, 401)
		}
	}
	var want []string
	for i := range 70 {
		name := fmt.Sprintf("lab-%02d", i)
		f.ship(name, now-2*24*store.Hour)
		f.puts(name, 10, now, 412)
		want = append(want, name+" fatal-only")
	}
	madeUp(bound-5, now)
	for i := range bound - 5 {
		want = append(want, fmt.Sprintf("made-up-%04d fatal-only", i))
	}
	f.finds(want...)
	// In the same hour, the next five get an alert each, and one alert stands for the rest.
	madeUp(bound+20, now+store.Minute)
	want = nil
	for i := range 5 {
		want = append(want, fmt.Sprintf("made-up-%04d fatal-only", bound-5+i))
	}
	if diff := cmp.Diff(append(want, "(overflow) fatal-only"), f.detect(bothRead, now+2*store.Minute)); diff != "" {
		t.Errorf("in the same hour (-want +got):\n%s", diff)
	}
	if found := f.detect(bothRead, now+3*store.Minute); found != nil {
		t.Errorf("found %q once more", found)
	}
	// Names without a row share that alert.
	next := now - now%store.Hour + store.Hour
	for i := range store.MaxNeverShipped {
		f.puts(fmt.Sprintf("nobody-%04d", i), 10, next+store.Minute, 401)
	}
	if n := len(f.detect(bothRead, next+store.Minute)); n != bound+1+0 {
		t.Errorf("in the next hour there are %d alerts, want %d", n, bound+1)
	}
	var details []string
	if err := f.s.Update(t.Context(), func(tx *store.Tx) error {
		return tx.Select(&details, "SELECT detail FROM alerts WHERE host = '(overflow)' ORDER BY id")
	}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"20 more host name(s) that never shipped",
		"700 PUT(s) and not one accepted: 700 × 4xx, 0 × 5xx, 0 × 2xx; and 880 more host name(s) that never shipped"}, details); diff != "" {
		t.Errorf("details (-want +got):\n%s", diff)
	}
}

// TestAHostInQuotesIsFoundAgain: its name went through AlertsName twice, so its alert was
// not recognised in the same hour, and its symptom was not open.
func TestAHostInQuotesIsFoundAgain(t *testing.T) {
	t.Parallel()
	for _, name := range []string{`"lab-99"`, `"\"x\""`, `(overflow)`, `"(x)"`, "lab-99", `"`, `lab\u0041`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t)
			f.puts(name, 15, now, 412)
			if found := f.detect(bothRead, now); len(found) != 1 {
				t.Fatalf("found %q, want one alert", found)
			}
			if found := f.detect(bothRead, now+store.Minute); len(found) != 0 {
				t.Errorf("found %q again in the same hour", found)
			}
			if a := f.alerts(); len(a) != 1 || a[0].LastFoundAt != now+store.Minute {
				t.Errorf("the alerts are %+v, want one that was found again", a)
			}
		})
	}
}
