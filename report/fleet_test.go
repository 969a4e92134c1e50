package report_test

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/cis490/fleet-health/report"
	"github.com/cis490/fleet-health/store"
	"github.com/google/go-cmp/cmp"
)

// fleetReport saves a batch in a new database, lets others change it, and returns the fleet's
// report.
func fleetReport(t *testing.T, b *store.Batch, changes ...func(*store.Store) error) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fleet.db")
	s, err := store.Open(t.Context(), path, store.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if b.Source, err = s.Source(t.Context(), store.StreamIndex); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Save(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	for _, change := range changes {
		if err := change(s); err != nil {
			t.Fatal(err)
		}
	}
	reader, err := store.OpenReadOnly(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	var out bytes.Buffer
	if err := reader.View(t.Context(), func(tx *store.Tx) error {
		return report.Fleet(tx, &out, report.Style{}, report.Window{Since: now - 24*store.Hour, Until: now}, report.FleetOptions{})
	}); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestNoHostNameMovesTheCursor also shows that no host name forges a row or breaks the
// alignment.
func TestNoHostNameMovesTheCursor(t *testing.T) {
	t.Parallel()
	b := &store.Batch{Now: now}
	for i, name := range []string{"a|b", "\x1b[2J", "lab\nlab-2  never", "\u202exes", "日本", "'; DROP TABLE hosts; --", "=cmd()", "%s{{.}}", "e\u0301"} {
		b.Hosts = append(b.Hosts, name)
		b.Puts = append(b.Puts, store.Put{At: now, CursorHash: uint64(i), Host: int32(i), Status: 200})
	}
	_, got, _ := strings.Cut(fleetReport(t, b), "\n\n")
	want := "" +
		"host                     state  since  last ship  age  ships  2xx  4xx  5xx  unstamped  mostly  ships over time           open symptoms\n"
	for _, name := range []string{"\"\\u202exes\"            ", "%s{{.}}                ", "'; DROP TABLE hosts; --", "(invalid)              ", "=cmd()                 ",
		"a|b                    ", "e\u0301                      ", "日本                   "} {
		puts := 1
		if strings.HasPrefix(name, "(") {
			puts = 2
		}
		want += fmt.Sprintf("%s  never                             0    %d    0    0          0          ????????????????????????\n", name, puts)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
}

// TestAHostThatIsAwaitedIsAffected: a host that had died during a receiver's outage was healthy
// from the end of the outage until its silence was too long.
func TestAHostThatIsAwaitedIsAffected(t *testing.T) {
	t.Parallel()
	b := &store.Batch{Now: now, Series: []store.Series{{Host: "back"}, {Host: "dead"}, {Host: "refused"}, {Host: "first"}}, Hosts: []string{"refused"}}
	for i, ago := range []int64{5, 90, 90, 12} {
		b.Ships = append(b.Ships, store.Ship{ReceivedAt: now - ago*store.Minute, LineHash: uint64(i), Series: int32(i)})
	}
	b.Puts = []store.Put{{At: now - 2*store.Minute, Status: 412}}
	got := fleetReport(t, b, func(s *store.Store) error {
		row := store.Pass{StartedAt: now, AsOf: now}
		if err := s.BeginPass(t.Context(), &row); err != nil {
			return err
		}
		row.Outcome.String, row.Outcome.Valid = store.OutcomeOK, true
		if err := s.FinishPass(t.Context(), &row); err != nil {
			return err
		}
		return s.Update(t.Context(), func(tx *store.Tx) error {
			return errors.Join(tx.ExpectFrom(now-10*store.Minute), tx.Evaluated("silent", now, store.Hour))
		})
	})
	for host, state := range map[string]string{"back": "healthy", "dead": "affected", "refused": "healthy", "first": "healthy"} {
		if !regexp.MustCompile(`(?m)^` + host + ` +` + state + ` `).MatchString(got) {
			t.Errorf("%s is not %s:\n%s", host, state, got)
		}
	}
}

func TestAge(t *testing.T) {
	t.Parallel()
	for us, want := range map[int64]string{-5: "0s", 0: "0s", store.Minute - 1: "59s", store.Minute: "1m", store.Hour - 1: "59m",
		store.Hour: "1h00m", 25*store.Hour + 7*store.Minute: "25h07m", 48 * store.Hour: "2d0h", 100*store.Hour + 1: "4d4h"} {
		if got := report.Age(us); got != want {
			t.Errorf("Age(%d) is %s, want %s", us, got, want)
		}
	}
}
