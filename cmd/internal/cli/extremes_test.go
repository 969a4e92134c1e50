package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/cis490/fleet-health/cmd/internal/cli"
	"github.com/cis490/fleet-health/cmd/internal/fleettest"
	"github.com/cis490/fleet-health/deploy"
	"github.com/cis490/fleet-health/store"
)

// fleetOfTimes makes a database in which a number of hosts shipped at each of the times,
// in microseconds.
func fleetOfTimes(t *testing.T, hosts int, ats ...int64) (db string) {
	t.Helper()
	db = filepath.Join(t.TempDir(), "fleet.db")
	s, err := store.Open(t.Context(), db, store.Options{Now: fleettest.Now.UnixMicro()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	source, err := s.Source(t.Context(), store.StreamIndex)
	if err != nil {
		t.Fatal(err)
	}
	b := &store.Batch{Source: source, Now: fleettest.Now.UnixMicro()}
	for host := range hosts {
		b.Series = append(b.Series, store.Series{Host: fmt.Sprintf("pi-%02d", host), Commit: "a1"})
		for n, at := range ats {
			b.Ships = append(b.Ships, store.Ship{ReceivedAt: at, LineHash: uint64(host*1000 + n), Series: int32(host)})
		}
	}
	if _, err := s.Save(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	return db
}

// TestEveryWindowIsAnsweredAtOnce: after a clock had been at 1970 for a moment, a query
// searched 490,000 hours a host, and with a --now of 9999 70 million. A window without
// length divided by zero.
func TestEveryWindowIsAnsweredAtOnce(t *testing.T) {
	t.Parallel()
	now := fleettest.Now.UnixMicro()
	const last = "9999-12-31T23:59:59.999999Z"
	windows := [][]string{
		{"--since", "9d", "--until", "8d"},
		{"--since", "12000d", "--until", "11999d"},
		{"--since", "1970-01-01"},
		{"--since", "1990-01-01", "--now", "3000-01-01T00:00:00Z"},
		{"--now", last},
		{"--since", "9999-12-31", "--until", last},
		{"--since", "1970-01-01", "--until", "1970-01-01T00:00:00.000001Z"},
		{"--until", "1970-01-01"},
		{"--since", "2026-05-01T11:00:00.000001Z", "--until", "2026-05-01T11:00:00.000002Z"},
		{"--since", "3000-01-01", "--until", "3000-01-02"},
		{"--now", "1970-01-01T00:00:00Z"},
	}
	commands := [][]string{{"report"}, {"report", "pi-00"}}
	saved, err := deploy.Queries()
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range saved { // the others read no time before their window
		if q.Name != "around" && q.Name != "commits" && q.Name != "silences" {
			continue
		}
		commands = append(commands, []string{"query", q.Name, "--timeout", "0"})
	}
	limit := 20 * time.Second
	if fleettest.RaceDetector { // it makes all ten times as slow
		limit *= 5
	}
	for name, db := range map[string]string{
		"no row":        fleetOfTimes(t, 1),
		"one row":       fleetOfTimes(t, 1, now-30*store.Minute),
		"1970":          fleetOfTimes(t, 30, 20*store.Second, now-10*store.Minute),
		"1970 and 9999": fleetOfTimes(t, 30, 1, now-9*24*store.Hour, now, store.MaxTime),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, command := range commands {
				if name == "no row" && len(command) == 2 && command[0] == "report" {
					continue // its SQL has no host
				}
				for _, window := range windows {
					args := append(append([]string{}, command...), append(window, "--db", db)...)
					ctx, cancel := context.WithTimeout(t.Context(), limit)
					defer cancel()
					var said bytes.Buffer
					if code := cli.Run(ctx, args, fleettest.Env(fleettest.Now, &said)); code != cli.ExitOK || ctx.Err() != nil {
						t.Fatalf("%s: exit %d\n%s", args, code, &said)
					}
				}
			}
		})
	}
}
