package report_test

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/cis490/fleet-health/report"
	"github.com/cis490/fleet-health/store"
	"github.com/google/go-cmp/cmp"
)

// fleetReport saves a batch in a new database, and returns the report of it.
func fleetReport(t *testing.T, b *store.Batch, at int64) string {
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
	reader, err := store.OpenReadOnly(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	var out bytes.Buffer
	if err := reader.View(t.Context(), func(tx *store.Tx) error { return report.Fleet(tx, &out, at) }); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestTheFleetCountsTheLastDay: it counted whole hours, up to 25 of them, and
// what was stamped later than the time that it was asked for.
func TestTheFleetCountsTheLastDay(t *testing.T) {
	t.Parallel()
	const asOf = now + 20*store.Minute + 5 // 12:20
	const day = 24 * store.Hour
	b := &store.Batch{Now: asOf, Hosts: []string{"a"}, Series: []store.Series{{Host: "a"}}}
	// Two facts inside the day at either end of it, and one in the middle; one
	// just outside at either end, and two far outside.
	for i, at := range []int64{asOf - day + 1, asOf - day + 30*store.Minute, asOf - 12*store.Hour, asOf - 20*store.Minute, asOf,
		asOf - day, asOf + 1, asOf - day - 3*store.Hour, asOf + 2*store.Hour} {
		n := uint64(i)
		b.Ships = append(b.Ships, store.Ship{ReceivedAt: at, LineHash: n})
		for j, status := range []int32{204, 302, 404, 418, 503} {
			b.Puts = append(b.Puts, store.Put{At: at, CursorHash: n<<8 + uint64(j), Status: status})
		}
		b.Rejections = append(b.Rejections, store.Rejection{At: at, CursorHash: n, Reason: store.ReasonUnstamped},
			store.Rejection{At: at, CursorHash: n + 100, Reason: store.ReasonOther})
	}
	want := "" +
		" host  last ship (UTC)      age  ships  2xx  4xx  5xx  unstamped  open symptoms\n" +
		" a     2026-05-01 12:20:00   0s      5    5   10    5          5\n"
	if diff := cmp.Diff(want, fleetReport(t, b, asOf)); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
}

// TestNoHostNameMovesTheCursor: nor does one forge a row, or disturb a column.
func TestNoHostNameMovesTheCursor(t *testing.T) {
	t.Parallel()
	b := &store.Batch{Now: now}
	for i, name := range []string{"a|b", "\x1b[2J", "lab\nlab-2  never", "\u202exes", "日本", "'; DROP TABLE hosts; --", "=cmd()", "%s{{.}}", "e\u0301"} {
		b.Hosts = append(b.Hosts, name)
		b.Puts = append(b.Puts, store.Put{At: now, CursorHash: uint64(i), Host: int32(i), Status: 200})
	}
	want := "" +
		" host                     last ship (UTC)  age  ships  2xx  4xx  5xx  unstamped  open symptoms\n" +
		" %s{{.}}                  never                     0    1    0    0          0\n" +
		" '; DROP TABLE hosts; --  never                     0    1    0    0          0\n" +
		" (invalid)                never                     0    2    0    0          0\n" +
		" =cmd()                   never                     0    1    0    0          0\n" +
		" a|b                      never                     0    1    0    0          0\n" +
		" e\u0301                        never                     0    1    0    0          0\n" +
		" \"\\u202exes\"              never                     0    1    0    0          0\n" +
		" 日本                     never                     0    1    0    0          0\n"
	if diff := cmp.Diff(want, fleetReport(t, b, now)); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
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
