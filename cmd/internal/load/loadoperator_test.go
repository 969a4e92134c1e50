package load

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/cis490/fleet-health/cmd/internal/cli"
	"github.com/cis490/fleet-health/cmd/internal/fleettest"
	"github.com/cis490/fleet-health/store"
)

// operator is an operator's sqlite3 with an open transaction.
type operator struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.WriteCloser
}

// anOperator starts a transaction, and returns once it holds its lock.
func anOperator(t *testing.T, db, begin string) *operator {
	t.Helper()
	fleettest.Need(t, "/usr/bin/sqlite3")
	o := &operator{t: t, cmd: exec.Command("/usr/bin/sqlite3", "-bail", "-batch", db)}
	in, err := o.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := o.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := o.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	o.in = in
	io.WriteString(in, begin+"SELECT 'begun';\n")
	lines := bufio.NewScanner(out)
	for lines.Scan() && lines.Text() != "begun" {
	}
	return o
}

// ends closes the operator's session, which rolls its transaction back.
func (o *operator) ends() {
	o.t.Helper()
	o.in.Close()
	if err := o.cmd.Wait(); err != nil {
		o.t.Errorf("sqlite3: %v", err)
	}
}

// hourOfPasses is a fleet with a pass every 5 minutes. One of its hosts has stopped
// shipping.
type hourOfPasses struct {
	t    *testing.T
	dir  string
	now  time.Time
	rows int // written to the index
}

func newHour(t *testing.T) *hourOfPasses {
	if fleettest.RaceDetector {
		t.Skip("one pass at a time races with nothing, and these would take minutes")
	}
	if !fleettest.Nightly() {
		t.Parallel()
	}
	// Start at half past, so that the passes reach into a second hour of alerts.
	h := &hourOfPasses{t: t, dir: t.TempDir(), now: time.Date(2026, 5, 1, 11, 30, 0, 0, time.UTC)}
	h.ships(1, "gone")
	h.now = h.now.Add(time.Hour)
	if code, said := h.pass(100); code != cli.ExitOK {
		t.Fatalf("exit %d\n%s", code, said)
	}
	once(t, h.dir+"/alerts.jsonl", 1)
	return h
}

func (h *hourOfPasses) ships(n int, host string) {
	var index bytes.Buffer
	for i := range n {
		index.WriteString(fleettest.Ship(host, h.now.Add(-time.Duration(i)*time.Microsecond)))
	}
	h.rows += n
	f, err := os.OpenFile(h.dir+"/index.jsonl", os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = index.WriteTo(f)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	f.Close()
}

// pass writes rows, and runs a pass that does not wait long for a lock.
func (h *hourOfPasses) pass(rows int) (code int, said string) {
	h.now = h.now.Add(5 * time.Minute)
	h.ships(rows, "lab-1")
	var stderr bytes.Buffer
	e := fleettest.Env(h.now, &stderr)
	e.BusyTimeout = 20 * time.Millisecond
	code = cli.Run(h.t.Context(), []string{"pass", "--db", h.dir + "/fleet.db", "--index-path", h.dir + "/index.jsonl",
		"--alerts-path", h.dir + "/alerts.jsonl", "--journal", "none"}, e)
	return code, stderr.String()
}

// whole checks that the database has all rows, and the expected number of successful passes.
func (h *hourOfPasses) whole(passes int) {
	h.t.Helper()
	got := fleettest.Asked(h.t, h.dir, "SELECT COUNT(*) FROM ship_log", "SELECT COUNT(*) FROM pass_log WHERE outcome = 'ok'", "SELECT COUNT(*) FROM pass_log")
	if want := fmt.Sprintf("--\n%d\n--\n%d\n--\n%d\n", h.rows, passes, passes); got != want {
		h.t.Errorf("rows, passes that got through, all passes: %q, want %q", got, want)
	}
}

func walSize(t *testing.T, dir string) int64 {
	t.Helper()
	info, err := os.Stat(dir + "/fleet.db-wal")
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// TestAnHourUnderAnOperatorsWrite shows that an operator's forgotten write transaction stops
// the passes. They say so, and the next pass misses nothing.
func TestAnHourUnderAnOperatorsWrite(t *testing.T) {
	h := newHour(t)
	operator := anOperator(t, h.dir+"/fleet.db", "BEGIN IMMEDIATE; DELETE FROM ships;\n")
	for range 12 {
		code, said := h.pass(1000)
		if code != cli.ExitFailed || strings.Count(said, "\n") != 1 || !strings.Contains(said, store.ErrLocked.Error()) ||
			!strings.Contains(said, "end the sqlite3 session") {
			t.Errorf("exit %d\n%s", code, said)
		}
		once(t, h.dir+"/alerts.jsonl", 1)
	}
	operator.ends()
	begun := time.Now()
	if code, said := h.pass(1000); code != cli.ExitOK || !strings.Contains(said, "index: 13000 new rows;") {
		t.Errorf("without the writer: exit %d\n%s", code, said)
	}
	h.whole(2)
	// One alert of this hour, and one of the hour in which the transaction started.
	once(t, h.dir+"/alerts.jsonl", 2)
	t.Logf("load: an operator's write for 12 passes: each exits with 1, and the next stores 13000 rows in %.2f s", time.Since(begun).Seconds())
}

// TestAnHourUnderAnOperatorsRead shows that an operator's forgotten read transaction stops no
// pass, but the write-ahead log grows until it ends.
func TestAnHourUnderAnOperatorsRead(t *testing.T) {
	h := newHour(t)
	operator := anOperator(t, h.dir+"/fleet.db", "BEGIN; SELECT COUNT(*) FROM ships;\n")
	const maxWAL = 16 << 20 // bytes; the pass warns from this size on
	most, large := int64(0), 0
	for range 12 {
		code, said := h.pass(75_000)
		most = walSize(t, h.dir)
		if most > maxWAL {
			large++
		}
		if code != cli.ExitOK || strings.Contains(said, "a reader has kept the database open") != (most > maxWAL) {
			t.Errorf("exit %d, and the write-ahead log has %d bytes\n%s", code, most, said)
		}
	}
	if large == 0 || large == 12 {
		t.Errorf("the write-ahead log was too large behind %d passes of 12", large)
	}
	h.whole(13)
	once(t, h.dir+"/alerts.jsonl", 2)
	operator.ends()
	if code, said := h.pass(0); code != cli.ExitOK || strings.Contains(said, "write-ahead") || walSize(t, h.dir) != 0 {
		t.Errorf("without the reader: exit %d, and the write-ahead log has %d bytes\n%s", code, walSize(t, h.dir), said)
	}
	h.whole(14)
	t.Logf("load: an operator's read for 12 passes: all got through, the write-ahead log had %d MiB, and 0 after the next", most>>20)
}
