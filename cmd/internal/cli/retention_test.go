package cli_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cis490/fleet-health/cmd/internal/cli"
	"github.com/cis490/fleet-health/cmd/internal/fleettest"
	"github.com/cis490/fleet-health/store"
)

// TestOnlyATrustedClockPrunes: a clock without a battery may be years ahead for a while,
// and must not delete the history.
func TestOnlyATrustedClockPrunes(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	right := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	ahead := right.Add(4 * 365 * day)
	for _, c := range []struct {
		name         string
		passes       int       // passes before
		asOf         time.Time // their time
		clock, fact  time.Time // of this pass, and of the newest ship
		arguments    []string
		wantOld      bool // a ship of 200 days ago is still there
		wantOfTheDay bool // and one of the day before
	}{
		{"a right clock prunes what is old", 99, right, right, right, nil, false, true},
		{"a database that is hardly used does not know what is right", 98, right, right, right, nil, true, true},
		{"a time that is given is right", 0, right, right, right, []string{"--now", right.Format(time.RFC3339)}, false, true},
		{"a clock that is ahead prunes no more than before", 99, right, ahead, ahead, nil, false, true},
		{"one that has been ahead for a hundred passes is taken for right", 99, ahead, ahead, ahead, nil, false, false},
		{"but not if no fact agrees with it", 99, ahead, ahead, right, nil, false, true},
		{"a clock behind the newest fact prunes nothing", 99, right.Add(-3 * day), right.Add(-3 * day), right, nil, true, true},
		{"one that says 1970 prunes nothing", 99, right, time.Unix(3600, 0), right, nil, true, true},
		{"without retention nothing is pruned", 99, right, right, right, []string{"--retention-days", "0"}, true, true},
		{"retention is what the flag says", 99, right, right, right, []string{"--retention-days", "201"}, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			db, index := filepath.Join(dir, "fleet.db"), filepath.Join(dir, "index.jsonl")
			var rows strings.Builder
			for _, at := range []time.Time{right.Add(-200 * day), right.Add(-day), c.fact.Add(-time.Minute)} {
				rows.WriteString(`{"host_id": "a", "received_at_wall": "` + at.Format(time.RFC3339) + `"}` + "\n")
			}
			if err := os.WriteFile(index, []byte(rows.String()), 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := store.Open(t.Context(), db, store.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			for range c.passes {
				if err := s.BeginPass(t.Context(), &store.Pass{AsOf: c.asOf.UnixMicro()}); err != nil {
					t.Fatal(err)
				}
			}
			// The stamps were read while the clock agreed with them.
			if _, err := s.Save(t.Context(), &store.Batch{Source: mustSource(t, s), Now: c.fact.UnixMicro(), Series: []store.Series{{Host: "b"}},
				Ships: []store.Ship{{ReceivedAt: c.fact.UnixMicro()}}}); err != nil {
				t.Fatal(err)
			}
			var stderr bytes.Buffer
			arguments := append([]string{"pass", "--db", db, "--index-path", index, "--alerts-path", filepath.Join(dir, "alerts.jsonl"),
				"--journal", "none"}, c.arguments...)
			if code := cli.Run(t.Context(), arguments, fleettest.Env(c.clock, &stderr)); code != cli.ExitOK {
				t.Fatalf("exit %d\n%s", code, &stderr)
			}
			for _, ship := range []struct {
				at   time.Time
				want bool
			}{{right.Add(-200 * day), c.wantOld}, {right.Add(-day), c.wantOfTheDay}} {
				var there bool
				err := s.Update(t.Context(), func(tx *store.Tx) error {
					return tx.Get(&there, "SELECT EXISTS (SELECT 1 FROM ships WHERE received_at = ?)", ship.at.UnixMicro())
				})
				if err != nil || there != ship.want {
					t.Errorf("is the ship of %s there: %v, want %v (%v); it said:\n%s", ship.at.Format(time.DateOnly), there, ship.want, err, &stderr)
				}
			}
			if hours := len(hostHours(t, s)); hours < 3 {
				t.Errorf("%d hours are counted of host a, want each", hours)
			}
		})
	}
}

func mustSource(t *testing.T, s *store.Store) int64 {
	t.Helper()
	source, err := s.Source(t.Context(), store.StreamIndex)
	if err != nil {
		t.Fatal(err)
	}
	return source
}

// hostHours returns the hourly counts of host a.
func hostHours(t *testing.T, s *store.Store) (hours []string) {
	t.Helper()
	err := s.Update(t.Context(), func(tx *store.Tx) error {
		return tx.Select(&hours, "SELECT hour FROM host_hourly WHERE host = 'a' AND ships = 1")
	})
	if err != nil {
		t.Fatal(err)
	}
	return hours
}

// TestASignalBeforeAPruneStopsIt: nothing is pruned.
func TestASignalBeforeAPruneStopsIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if code, said := aPass(t, t.Context(), dir); code != cli.ExitOK {
		t.Fatalf("exit %d\n%s", code, said)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	var stderr bytes.Buffer
	e := fleettest.Env(time.Date(2027, 5, 1, 12, 0, 0, 0, time.UTC), &stderr)
	code := cli.Run(ctx, []string{"prune", "--db", filepath.Join(dir, "fleet.db"), "--before", "90d"}, e)
	if said := stderr.String(); code != cli.ExitOK || !strings.HasSuffix(said, "the next prune goes on from there\n") {
		t.Errorf("exit %d\n%s", code, said)
	}
}

// TestAPassPrunesNoLongerThanItMay: with a clock that stands still the time is up after
// the one step that each pass takes, and the next passes go on.
func TestAPassPrunesNoLongerThanItMay(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	var rows strings.Builder
	for i := range 9000 {
		at := now.Add(-100*24*time.Hour + time.Duration(i)*time.Second)
		rows.WriteString(`{"host_id": "a", "received_at_wall": "` + at.Format(time.RFC3339) + `"}` + "\n")
	}
	rows.WriteString(`{"host_id": "a", "received_at_wall": "` + now.Format(time.RFC3339) + `"}` + "\n")
	index := filepath.Join(dir, "index.jsonl")
	if err := os.WriteFile(index, []byte(rows.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"INFO pruned 4000 row(s) from before 2026-01-31T12:00:00.000000+00:00; 0 KiB given back\n",
		"INFO pruned 4000 row(s)", "INFO pruned 1000 row(s)", ""} {
		var stderr bytes.Buffer
		code := cli.Run(t.Context(), []string{"pass", "--db", filepath.Join(dir, "fleet.db"), "--index-path", index,
			"--alerts-path", filepath.Join(dir, "alerts.jsonl"), "--journal", "none", "--now", now.Format(time.RFC3339)}, fleettest.Env(now, &stderr))
		if said := stderr.String(); code != cli.ExitOK || !strings.Contains(said, want) || strings.Contains(said, "pruned") != (want != "") {
			t.Errorf("exit %d, want a pass that says %q:\n%s", code, want, said)
		}
	}
}
