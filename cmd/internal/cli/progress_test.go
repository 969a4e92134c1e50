package cli_test

import (
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cis490/fleet-health/cmd/internal/cli"
	"github.com/cis490/fleet-health/cmd/internal/fleettest"
	"github.com/cis490/fleet-health/store"
)

// TestAnErrorClearsTheProgressBar: each logger knew only its own lines, so the error
// of a pass was glued to the bar, and the bar wrapped on a narrow terminal.
func TestAnErrorClearsTheProgressBar(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if code, said := aPass(t, t.Context(), dir); code != cli.ExitOK {
		t.Fatalf("exit %d\n%s", code, said)
	}
	failAtTheEnd(t, filepath.Join(dir, "fleet.db"))
	writeIndex(t, dir, fleettest.Ship("a", fleettest.Now.Add(-time.Minute))+strings.Repeat(fleettest.Ship("b", fleettest.Now), 100))
	ours, theirs, err := fleettest.OpenTerminal(70)
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	now := fleettest.Now
	e := fleettest.Env(now, theirs)
	e.Now = func() time.Time { now = now.Add(2 * time.Second); return now }
	ended := make(chan int, 1)
	go func() {
		ended <- cli.Run(t.Context(), []string{"pass", "--db", filepath.Join(dir, "fleet.db"), "--index-path", filepath.Join(dir, "index.jsonl"),
			"--alerts-path", filepath.Join(dir, "alerts.jsonl"), "--journal", "none"}, e)
		theirs.Close()
	}()
	text, _ := io.ReadAll(ours)
	shown := string(text)
	if code := <-ended; code != cli.ExitFailed || !strings.Contains(shown, "\r\x1b[K2026-05-01 ") || !strings.Contains(shown, "ERROR ") {
		t.Errorf("exit %d, want %d, and a line cleared before the error: %q", code, cli.ExitFailed, shown)
	}
	bars := strings.Split(shown, "\r[")
	for _, bar := range bars[1:] {
		if bar, _, _ = strings.Cut(bar, "\x1b[K"); len(bar) > 68 {
			t.Errorf("the bracket and %d columns on a terminal of 70: %q", len(bar), bar)
		}
	}
	if len(bars) < 2 {
		t.Errorf("no bar: %q", shown)
	}
}

// failAtTheEnd makes a database fail each pass when it stores how it ended.
func failAtTheEnd(t *testing.T, db string) {
	t.Helper()
	s, err := store.Open(t.Context(), db, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.Update(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec("CREATE TRIGGER fails BEFORE UPDATE ON passes BEGIN SELECT RAISE(ABORT, 'no end'); END")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
