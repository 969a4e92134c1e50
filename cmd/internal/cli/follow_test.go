package cli_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cis490/fleet-health/cmd/internal/cli"
	"github.com/cis490/fleet-health/cmd/internal/fleettest"
)

// followed is the demo's fleet, and a command that follows it.
type followed struct {
	t         *testing.T
	dir       string
	out       *bufio.Reader // what the command prints
	interrupt context.CancelFunc
	ended     chan int // its exit code
	now       atomic.Pointer[time.Time]
}

// follow makes the demo's fleet, and starts a command on it whose standard output is theirs.
func follow(t *testing.T, ours io.Reader, theirs *os.File, command ...string) *followed {
	t.Helper()
	f := &followed{t: t, dir: filepath.Join(t.TempDir(), "demo"), out: bufio.NewReader(ours), ended: make(chan int, 1)}
	f.now.Store(&fleettest.Now)
	f.run("demo", f.dir)
	ctx, interrupt := context.WithTimeout(t.Context(), time.Minute) // a test that waits for too much fails
	f.interrupt = interrupt
	e := fleettest.Env(fleettest.Now, t.Output())
	e.Stdout, e.Now = theirs, func() time.Time { return *f.now.Load() }
	go func() {
		f.ended <- cli.Run(ctx, append(command, "--db", f.dir+"/fleet.db"), e)
		theirs.Close()
	}()
	return f
}

func (f *followed) run(command ...string) {
	f.t.Helper()
	f.exits(cli.ExitOK, command...)
}

func (f *followed) exits(want int, command ...string) {
	f.t.Helper()
	if code := cli.Run(f.t.Context(), command, fleettest.Env(fleettest.Now, f.t.Output())); code != want {
		f.t.Fatalf("%s: exit %d", command, code)
	}
}

// pass makes a pass, or a rebuild, at a time that is the clock's from then on.
func (f *followed) pass(command, now string, exit int) {
	f.t.Helper()
	at, err := time.Parse(time.RFC3339, now)
	if err != nil {
		f.t.Fatal(err)
	}
	f.now.Store(&at)
	f.exits(exit, command, "--db", f.dir+"/fleet.db", "--index-path", f.dir+"/index.jsonl", "--alerts-path", f.dir+"/alerts.jsonl",
		"--journal-export", f.dir+"/journal.export", "--log-level", "error", "--now", now)
}

// until reads until a text was printed, and returns what was read.
func (f *followed) until(text string) string {
	f.t.Helper()
	var read bytes.Buffer
	for !bytes.HasSuffix(read.Bytes(), []byte(text)) {
		c, err := f.out.ReadByte()
		if err != nil {
			f.t.Fatalf("%s before %q: it printed %q", err, text, read.String())
		}
		read.WriteByte(c)
	}
	return read.String()
}

// end interrupts the command, which must exit with 0, and returns what it had yet to print.
func (f *followed) end() string {
	f.t.Helper()
	f.interrupt()
	if code := <-f.ended; code != cli.ExitOK {
		f.t.Errorf("exit %d after an interrupt", code)
	}
	rest, _ := io.ReadAll(f.out) // ends with EIO on a terminal
	return string(rest)
}

func pipe(t *testing.T) (ours, theirs *os.File) {
	t.Helper()
	ours, theirs, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ours.Close() })
	return ours, theirs
}

func openTerminal(t *testing.T) (ours, theirs *os.File) {
	t.Helper()
	ours, theirs, err := fleettest.OpenTerminal(120)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ours.Close() })
	return ours, theirs
}

// TestEventsAreFollowed: each event is printed once, when its pass or its operator stores it.
func TestEventsAreFollowed(t *testing.T) {
	t.Parallel()
	ours, theirs := pipe(t)
	f := follow(t, ours, theirs, "incidents", "--follow", "--since", "2026-05-01T11:40:00Z", "--host", "lab-05")
	if first := f.until("\n"); !strings.HasPrefix(first, "2026-05-01 11:45:00  opened           4  lab-05 silent: ") {
		t.Errorf("the first event since --since is %q", first)
	}
	f.until("receiver-failing: ")
	f.until("\n")
	f.run("ack", "4", "--db", f.dir+"/fleet.db", "--now", "2026-05-01T12:01:00Z")
	if line := f.until("\n"); !strings.HasPrefix(line, "2026-05-01 12:01:00  acknowledged     4  lab-05 silent: ") {
		t.Errorf("after ack it printed %q", line)
	}
	f.pass("pass", "2026-05-01T13:00:00Z", cli.ExitOK)
	if line := f.until("\n"); !strings.HasPrefix(line, "2026-05-01 13:00:00  repeated         7  (receiver) receiver-failing: ") {
		t.Errorf("after a pass it printed %q", line)
	}
	if line := f.until("\n"); !strings.Contains(line, " receiver-silent: ") || !strings.HasSuffix(line, " (explained by 7)\n") {
		t.Errorf("of what the receiver explains it printed %q", line)
	}
	if rest := f.end(); rest != "" {
		t.Errorf("more events: %q", rest)
	}
}

// TestARebuildIsFollowed: the new database has the events that are wanted, with its own ids.
func TestARebuildIsFollowed(t *testing.T) {
	t.Parallel()
	ours, theirs := pipe(t)
	f := follow(t, ours, theirs, "incidents", "--follow", "--since", "2026-05-01T11:50:00Z", "--format", "ndjson")
	f.until("\n")
	f.pass("rebuild", "2026-05-01T12:05:00Z", cli.ExitOK)
	if line := f.until("\n"); !strings.HasPrefix(line, `{"at": "2026-05-01T12:05:00.000000Z", "event": "opened", "id": 1, `) {
		t.Errorf("after a rebuild it printed %q", line)
	}
	f.end()
}

// TestEventsAreFollowedFromNowOn: without --since, old events are not printed.
func TestEventsAreFollowedFromNowOn(t *testing.T) {
	t.Parallel()
	ours, theirs := pipe(t)
	f := follow(t, ours, theirs, "incidents", "--follow")
	if out := f.end(); out != "" {
		t.Errorf("it printed %q", out)
	}
}

// TestWatchDrawsAfterEachPass, rings for a trouble that begins, and leaves the terminal as it was.
func TestWatchDrawsAfterEachPass(t *testing.T) {
	t.Parallel()
	ours, theirs := openTerminal(t)
	f := follow(t, ours, theirs, "watch", "--bell")
	first := f.until("\r\nlab-07")
	if !strings.HasPrefix(first, "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[H\x1b[J4 trouble(s): ") || !strings.Contains(first, "as of 2026-05-01 12:00:00 UTC") || strings.Contains(first, "\a") {
		t.Errorf("it begins with %q", first)
	}
	f.run("ack", "4", "--db", f.dir+"/fleet.db", "--now", "2026-05-01T12:01:00Z")
	f.pass("pass", "2026-05-01T12:05:00Z", cli.ExitOK)
	if next := f.until("as of 2026-05-01 12:05:00 UTC"); strings.Contains(next, "\a") {
		t.Errorf("a bell, although no trouble began: %q", next)
	}
	if err := os.Remove(f.dir + "/index.jsonl"); err != nil {
		t.Fatal(err)
	}
	f.pass("pass", "2026-05-01T12:10:00Z", cli.ExitUsage)
	f.until("\a\x1b[H\x1b[J")
	if rest := f.end(); !strings.HasSuffix(rest, "\x1b[?7h\x1b[?25h\x1b[?1049l") {
		t.Errorf("it ends with %q", rest)
	}
}

// TestWatchSaysThatPassesHaveStopped, although nothing is written to the database then.
func TestWatchSaysThatPassesHaveStopped(t *testing.T) {
	t.Parallel()
	ours, theirs := openTerminal(t)
	f := follow(t, ours, theirs, "watch", "--now", "2026-05-01T13:00:00Z")
	f.until("WARNING the last pass was made as of 2026-05-01T12:00:00.000000+00:00, 1h00m ago: symptoms are those that it found")
	f.end()
}

// TestWatchFitsOnTheTerminal: the lines that do not fit are counted.
func TestWatchFitsOnTheTerminal(t *testing.T) {
	t.Parallel()
	ours, theirs := openTerminal(t)
	f := follow(t, ours, theirs, "watch")
	f.until("\r\nlab-07")
	if err := fleettest.Resize(ours, 80, 6); err != nil {
		t.Fatal(err)
	}
	f.until("\x1b[H\x1b[J")
	if drawn := f.until("more line(s)"); strings.Count(drawn, "\n") != 5 || !strings.HasSuffix(drawn, "\n… and 9 more line(s)") {
		t.Errorf("on 6 lines it drew %q", drawn)
	}
	f.end()
}

// TestWatchOfADirectoryThatGoesAway: it must not wait for ever.
func TestWatchOfADirectoryThatGoesAway(t *testing.T) {
	t.Parallel()
	ours, theirs := openTerminal(t)
	f := follow(t, ours, theirs, "watch")
	f.until("\r\nlab-07")
	if err := os.RemoveAll(f.dir); err != nil {
		t.Fatal(err)
	}
	select {
	case code := <-f.ended:
		if code != cli.ExitUsage {
			t.Errorf("exit %d", code)
		}
	case <-time.After(time.Minute):
		t.Error("it waits")
	}
}
