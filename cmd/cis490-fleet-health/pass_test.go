package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cis490/fleet-health/store"
)

// aPass is a pass on a fleet of one host, in a directory of its own.
func aPass(t *testing.T, ctx context.Context, dir string) (code int, said string) {
	t.Helper()
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	index := filepath.Join(dir, "index.jsonl")
	if err := os.WriteFile(index, []byte(`{"host_id": "a", "received_at_wall": "2026-05-01T11:59:00"}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	code = run(ctx, []string{"pass", "--db", filepath.Join(dir, "fleet.db"), "--index-path", index,
		"--alerts-path", filepath.Join(dir, "alerts.jsonl"), "--journal", "none"}, testEnv(now, &stderr))
	return code, stderr.String()
}

// TestALargeLogIsSaid: an operator who keeps a reader open keeps the
// write-ahead log from shrinking.
func TestALargeLogIsSaid(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if code, said := aPass(t, t.Context(), dir); code != exitOK || strings.Contains(said, "write-ahead") {
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
		if code != exitOK || !strings.Contains(said, "WARNING the write-ahead log has 17 MiB: a reader has kept the database open") {
			t.Errorf("exit %d\n%s", code, said)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if code, said := aPass(t, t.Context(), dir); code != exitOK || strings.Contains(said, "write-ahead") {
		t.Errorf("without the reader: exit %d\n%s", code, said)
	}
}

// TestASignalStopsAPassCleanly: one that came while the database was opened
// and checked failed the unit.
func TestASignalStopsAPassCleanly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if code, said := aPass(t, t.Context(), dir); code != exitOK {
		t.Fatalf("exit %d\n%s", code, said)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	code, said := aPass(t, ctx, dir)
	if code != exitOK || !strings.Contains(said, "INFO stopped by a signal") || strings.Count(said, "\n") != 1 {
		t.Errorf("exit %d\n%s", code, said)
	}
}

// TestASecondSignalEndsAPassThatWaits: a pass that waits for its standard input
// was deaf to every signal but SIGKILL.
func TestASecondSignalEndsAPassThatWaits(t *testing.T) {
	t.Parallel()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	input, dump, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer dump.Close()
	dir := t.TempDir()
	index := filepath.Join(dir, "index.jsonl")
	if err := os.WriteFile(index, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	// The test's own program is this one too, under its name.
	cmd := &exec.Cmd{Path: program, Args: []string{"cis490-fleet-health", "pass", "--db", filepath.Join(dir, "fleet.db"),
		"--index-path", index, "--alerts-path", filepath.Join(dir, "alerts.jsonl"), "--journal-export", "-"}, Stdin: input}
	err = cmd.Start()
	input.Close()
	if err != nil {
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
