package cli_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cis490/fleet-health/cmd/internal/cli"
	"github.com/cis490/fleet-health/cmd/internal/fleettest"
	"github.com/cis490/fleet-health/store/isotime"
)

// clockFleet is a fleet whose clock goes wrong.
type clockFleet struct {
	*testing.T
	dir     string
	index   strings.Builder
	journal strings.Builder
	entries int
}

// ships appends n rows to the index, and puts n failed PUTs to the journal. Each is a
// second after the one before; the last one is at the given time.
func (f *clockFleet) ships(host string, n int, last time.Time) {
	for i := range n {
		f.index.WriteString(fleettest.Ship(host, last.Add(time.Duration(i-n+1)*time.Second)))
	}
}

func (f *clockFleet) puts(host string, n int, last time.Time) {
	for i := range n {
		f.entries++
		f.journal.WriteString(fleettest.Entry(f.entries, last.Add(time.Duration(i-n+1)*time.Second).UnixMicro(),
			fmt.Sprintf(`INFO:     10.0.0.1:5 - "PUT /v1/episodes/%s/e%d HTTP/1.1" 412 X`, host, f.entries)))
	}
}

// pass runs a pass with a clock, and returns its log.
func (f *clockFleet) pass(clock time.Time) string {
	f.Helper()
	writeIndex(f.T, f.dir, f.index.String())
	if err := os.WriteFile(f.dir+"/journal", []byte(f.journal.String()), 0o600); err != nil {
		f.Fatal(err)
	}
	var stderr bytes.Buffer
	code := cli.Run(f.Context(), []string{"pass", "--db", f.dir + "/fleet.db", "--index-path", f.dir + "/index.jsonl",
		"--alerts-path", f.dir + "/alerts.jsonl", "--journal-export", f.dir + "/journal"}, fleettest.Env(clock, &stderr))
	if code != cli.ExitOK {
		f.Fatalf("exit %d\n%s", code, &stderr)
	}
	return stderr.String()
}

// TestOneSourcesFutureStampsDoNotHoldBackTheOther: the clock of a pass was two hours
// ahead, and a ship that it stored held back all detectors for two hours. Only a line in
// the log said so.
func TestOneSourcesFutureStampsDoNotHoldBackTheOther(t *testing.T) {
	t.Parallel()
	right := fleettest.Now
	ahead := right.Add(2 * time.Hour)
	for _, c := range []struct {
		name   string
		before func(f *clockFleet) // facts that are read while the clock is two hours ahead
		now    func(f *clockFleet) // facts that are read when it is right
		alerts string
		held   string
	}{
		{"one ship ahead, then only failures",
			func(f *clockFleet) { f.ships("b", 1, ahead) },
			func(f *clockFleet) { f.puts("a", 30, right.Add(-5*time.Minute)) }, "a fatal-only", ""},
		{"many ships ahead, then a few failures: only the index is held back",
			func(f *clockFleet) { f.ships("b", 40, ahead) },
			func(f *clockFleet) { f.puts("a", 10, right) }, "a fatal-only", "silent"},
		{"failures ahead, then a host is silent",
			func(f *clockFleet) { f.puts("b", 40, ahead) },
			func(f *clockFleet) { f.ships("a", 1, right.Add(-45*time.Minute)) }, "a silent", "fatal-only unstamped"},
		{"failures ahead, and as many ships that agree with the clock",
			func(f *clockFleet) { f.puts("b", 20, ahead) },
			func(f *clockFleet) { f.ships("a", 1, right.Add(-45*time.Minute)); f.ships("c", 20, right) }, "a silent", ""},
		{"both ahead for a pass, then both agree",
			func(f *clockFleet) { f.ships("b", 5, ahead); f.puts("b", 5, ahead) },
			func(f *clockFleet) { f.ships("c", 5, right); f.puts("a", 12, right) }, "a fatal-only", ""},
		{"the facts of two hours ahead, and a few fresh ones: the clock is behind",
			func(f *clockFleet) {
				for minutes := range time.Duration(115) {
					f.ships("b", 2, ahead.Add(-minutes*time.Minute))
					f.puts("b", 2, ahead.Add(-minutes*time.Minute))
				}
			},
			func(f *clockFleet) { f.ships("c", 5, right); f.puts("a", 12, right) }, "", "fatal-only silent unstamped"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := &clockFleet{T: t, dir: t.TempDir()}
			c.before(f)
			f.pass(ahead)
			c.now(f)
			said := f.pass(right)
			now := isotime.Format(right.UnixMicro())[:19]
			got := fleettest.Asked(t, f.dir, fmt.Sprintf("SELECT host || ' ' || symptom FROM alert_log WHERE detected_at LIKE '%s%%'", now),
				"SELECT COALESCE(group_concat(symptom, ' '), '') FROM (SELECT symptom FROM held_back ORDER BY symptom)")
			if want := "--\n" + c.alerts + "\n--\n" + c.held + "\n"; got != want {
				t.Errorf("alerts and what is held back are\n%swant\n%s%s", got, want, said)
			}
			if strings.Contains(said, "held back until it is right") != (c.held != "") {
				t.Errorf("the log says\n%s", said)
			}
			f.monitored(right, 0, c.held)
			f.monitored(right, 31*time.Minute, c.held)
			// Later facts agree with the clock: nothing is held back any more.
			f.ships("c", 500, right.Add(10*time.Minute))
			f.puts("c", 500, right.Add(10*time.Minute))
			f.pass(right.Add(10 * time.Minute))
			f.monitored(right.Add(10*time.Minute), 0, "")
		})
	}
}

// monitored runs status --check some time after a pass: a detector that is held back for
// half an hour is a problem.
func (f *clockFleet) monitored(pass time.Time, later time.Duration, held string) {
	f.Helper()
	var stdout, stderr bytes.Buffer
	e := fleettest.Env(pass.Add(later), &stderr)
	e.Stdout = &stdout
	code := cli.Run(f.Context(), []string{"status", "--check", "--max-age", "24h", "--db", f.dir + "/fleet.db"}, e)
	want, begins := cli.ExitOK, "ok: "
	if held != "" && later > 30*time.Minute {
		want, begins = cli.ExitFailed, "stopped: "
	}
	if code != want || !strings.HasPrefix(stdout.String(), begins) || (want != cli.ExitOK) != strings.Contains(stdout.String(), " held back for 31m: ") {
		f.Errorf("%s after the pass, with %q held back, status --check exits with %d: %s%s", later, held, code, &stdout, &stderr)
	}
}
