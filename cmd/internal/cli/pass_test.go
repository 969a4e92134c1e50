package cli_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cis490/fleet-health/cmd/internal/cli"
	"github.com/cis490/fleet-health/cmd/internal/fleettest"
	"github.com/cis490/fleet-health/store"
)

// aPass runs a pass in a directory on a fleet of one host.
func aPass(t *testing.T, ctx context.Context, dir string) (code int, said string) {
	t.Helper()
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	writeIndex(t, dir, fleettest.Ship("a", now.Add(-time.Minute)))
	return passAt(ctx, dir, now)
}

func writeIndex(t *testing.T, dir, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "index.jsonl"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// passAt runs a pass in a directory, with a clock that stands at now.
func passAt(ctx context.Context, dir string, now time.Time) (code int, said string) {
	var stderr bytes.Buffer
	code = cli.Run(ctx, []string{"pass", "--db", filepath.Join(dir, "fleet.db"), "--index-path", filepath.Join(dir, "index.jsonl"),
		"--alerts-path", filepath.Join(dir, "alerts.jsonl"), "--journal", "none"}, fleettest.Env(now, &stderr))
	return code, stderr.String()
}

// TestTheDetectorsWaitForTheClock: while it is behind the newest fact, or in 1970, a host
// with an alert of this hour would get one of the hour before, too.
func TestTheDetectorsWaitForTheClock(t *testing.T) {
	t.Parallel()
	newest := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	in1970 := time.Date(1970, 1, 1, 5, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		clock  time.Time
		newest time.Time
		waits  bool
		alerts int
	}{
		"four minutes behind":       {newest.Add(-4 * time.Minute), newest, false, 2},
		"six minutes behind":        {newest.Add(-6 * time.Minute), newest, true, 1},
		"in 1970":                   {in1970, newest, true, 1},
		"in 1970, as the facts are": {in1970, in1970, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			alerts := func() int {
				content, err := os.ReadFile(filepath.Join(dir, "alerts.jsonl"))
				if err != nil && !errors.Is(err, os.ErrNotExist) {
					t.Fatal(err)
				}
				return strings.Count(string(content), `"symptom": "silent"`)
			}
			writeIndex(t, dir, fleettest.Ship("a", test.newest.Add(-45*time.Minute))+fleettest.Ship("b", test.newest))
			if code, said := passAt(t.Context(), dir, test.newest); code != cli.ExitOK {
				t.Fatalf("exit %d\n%s", code, said)
			}
			code, said := passAt(t.Context(), dir, test.clock)
			held := strings.Contains(said, "WARNING the clock says") && strings.Contains(said, "the detectors are held back")
			if n := alerts(); code != cli.ExitOK || held != test.waits || n != test.alerts {
				t.Errorf("exit %d, held back %v, %d alert(s); want it held back: %v, %d alert(s)\n%s", code, held, n, test.waits, test.alerts, said)
			}
		})
	}
}

// TestALineWithoutItsEndIsSaidAfterAnHour: its writer must have died.
func TestALineWithoutItsEndIsSaidAfterAnHour(t *testing.T) {
	t.Parallel()
	dir, now := t.TempDir(), time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	writeIndex(t, dir, fleettest.Ship("a", now)+`{"host_id": "b", "rec`)
	index := filepath.Join(dir, "index.jsonl")
	if err := os.Chtimes(index, now, now); err != nil {
		t.Fatal(err)
	}
	for minutes, want := range map[time.Duration]bool{59: false, 61: true} {
		code, said := passAt(t.Context(), dir, now.Add(minutes*time.Minute))
		if torn := strings.Contains(said, "WARNING the last line of "+index+" has been without its end for 61 min"); code != cli.ExitOK || torn != want {
			t.Errorf("after %d min: exit %d\n%s", minutes, code, said)
		}
	}
}

// TestALargeLogIsSaid: an operator who keeps a reader open keeps the
// write-ahead log from shrinking.
func TestALargeLogIsSaid(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if code, said := aPass(t, t.Context(), dir); code != cli.ExitOK || strings.Contains(said, "write-ahead") {
		t.Fatalf("exit %d\n%s", code, said)
	}
	db := filepath.Join(dir, "fleet.db")
	operator, err := store.OpenReadOnly(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	defer operator.Close()
	writer, err := store.Open(t.Context(), db, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	err = operator.View(t.Context(), func(tx *store.Tx) error {
		var hosts int
		if err := tx.Get(&hosts, "SELECT COUNT(*) FROM hosts"); err != nil {
			return err
		}
		err := writer.Update(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Exec("INSERT INTO alerts (dedup_key, host, symptom, detail, suggested_fix, detected_at, last_found_at, exported_at) " +
				"VALUES ('large', '', '', printf('%*c', 17 << 20, 'x'), '', 0, 0, 0)")
			return err
		})
		if err != nil {
			return err
		}
		code, said := aPass(t, t.Context(), dir)
		if code != cli.ExitOK || !strings.Contains(said, "WARNING the write-ahead log has 17 MiB: a reader has kept the database open") {
			t.Errorf("exit %d\n%s", code, said)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if code, said := aPass(t, t.Context(), dir); code != cli.ExitOK || strings.Contains(said, "write-ahead") {
		t.Errorf("without the reader: exit %d\n%s", code, said)
	}
}

// TestASignalStopsAPassCleanly: the unit failed after a signal that came while the
// database was opened and checked.
func TestASignalStopsAPassCleanly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if code, said := aPass(t, t.Context(), dir); code != cli.ExitOK {
		t.Fatalf("exit %d\n%s", code, said)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	code, said := aPass(t, ctx, dir)
	if code != cli.ExitOK || !strings.Contains(said, "INFO stopped by a signal") || strings.Count(said, "\n") != 1 {
		t.Errorf("exit %d\n%s", code, said)
	}
}

// passOfADump returns a pass in a process of its own that reads a dump from its standard
// input, and an empty index.
func passOfADump(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	writeIndex(t, dir, "")
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program)
	// The test's own program is the fleet's if it runs under that name.
	cmd.Args = []string{"cis490-fleet-health", "pass", "--db", filepath.Join(dir, "fleet.db"), "--index-path", filepath.Join(dir, "index.jsonl"),
		"--alerts-path", filepath.Join(dir, "alerts.jsonl"), "--journal-export", "-"}
	return cmd
}

// TestSIGTERMStopsAPassBetweenTwoBatches tests a dump without end: the pass stores what it
// has read, says so, and succeeds.
func TestSIGTERMStopsAPassBetweenTwoBatches(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd := passOfADump(t, dir)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	dump, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for i := 0; err == nil; i++ {
		// More than a pipe holds: once it is written, the pass is reading it.
		if i == 2000 {
			cmd.Process.Signal(syscall.SIGTERM)
		}
		_, err = io.WriteString(dump, fleettest.Entry(i, fleettest.Now.UnixMicro()+int64(i)*store.Second, `10.0.0.1:1 - "PUT /v1/episodes/a/e HTTP/1.1" 200`))
	}
	if err := cmd.Wait(); err != nil || !strings.Contains(stderr.String(), "INFO stopped by a signal between two batches") {
		t.Errorf("%v\n%s", err, &stderr)
	}
	if got := fleettest.Asked(t, dir, "SELECT outcome FROM pass_log", "SELECT COUNT(*) > 2000 FROM put_log"); got != "--\ninterrupted\n--\n1\n" {
		t.Errorf("it has left %s", got)
	}
}

// TestASecondSignalEndsAPassThatWaits: a pass that waits for its standard input
// was deaf to every signal but SIGKILL.
func TestASecondSignalEndsAPassThatWaits(t *testing.T) {
	t.Parallel()
	cmd := passOfADump(t, t.TempDir())
	dump, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer dump.Close()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	// More than a pipe holds: once it is written, the pass is reading it.
	if _, err := dump.Write(append([]byte("MESSAGE="), make([]byte, 1<<20)...)); err != nil {
		t.Fatal(err)
	}
	deadline := time.After(30 * time.Second)
	for tick := time.Tick(5 * time.Millisecond); ; {
		select {
		case <-tick:
			cmd.Process.Signal(syscall.SIGTERM)
		case <-ended:
			return
		case <-deadline:
			cmd.Process.Kill()
			t.Fatal("it did not end")
		}
	}
}
