package cli

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestParseSize(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{"0": 0, "16777216": 16 << 20, "16MiB": 16 << 20, "16M": 16 << 20, "16mb": 16 << 20, " 2 GiB ": 2 << 30,
		"1.5g": 3 << 29, "0.5TiB": 1 << 39, "512 KiB": 512 << 10, "7B": 7,
		"": -1, "GiB": -1, "-1": -1, "1e3": -1, "2GiBs": -1, "inf": -1, "NaN": -1, "1_000": -1, "9999999T": -1, "1.2.3": -1, "0x10": -1} {
		if got, ok := parseSize(text); ok != (want >= 0) || ok && got != want {
			t.Errorf("%q is %d, %t; want %d", text, got, ok, want)
		}
	}
}

// TestAPassKeepsTheDatabaseWithinItsSize: only age had bounded it. Rows of hours
// that went come back neither with the next pass nor from the index.
func TestAPassKeepsTheDatabaseWithinItsSize(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	const rows = 800_000
	index := filepath.Join(dir, "index.jsonl")
	f, err := os.Create(index)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(f)
	for i := range rows {
		at := now.Add(-time.Duration(rows-i) * 3 * time.Second)
		fmt.Fprintf(w, `{"host_id": "lab-%02d", "received_at_wall": "%s", "n": %d}`+"\n", i%20, at.Format(time.RFC3339), i)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	f.Close()
	pass := func(size string) (said string, bytesUsed int64) {
		t.Helper()
		var stderr bytes.Buffer
		e := testEnv(now, &stderr) // whose clock stands still: no step is left to the next pass
		code := Run(t.Context(), []string{"pass", "--db", filepath.Join(dir, "fleet.db"), "--index-path", index,
			"--alerts-path", filepath.Join(dir, "alerts.jsonl"), "--journal", "none", "--now", now.Format(time.RFC3339), "--max-database-size", size}, e)
		info, err := os.Stat(filepath.Join(dir, "fleet.db"))
		if code != ExitOK || err != nil {
			t.Fatalf("exit %d, %v\n%s", code, err, &stderr)
		}
		return stderr.String(), info.Size()
	}
	if said, size := pass("0"); strings.Contains(said, "pruned") || size < 17<<20 {
		t.Errorf("without a limit the database has %d bytes, and the pass says\n%s", size, said)
	}
	said, size := pass("16MiB")
	if !strings.Contains(said, "INFO pruned ") || !strings.Contains(said, "because the database is larger than --max-database-size 16MiB") || size > 18<<20 {
		t.Errorf("with a limit the database has %d bytes, and the pass says\n%s", size, said)
	}
	if said, _ := pass("16MiB"); strings.Contains(said, "pruned ") || !strings.Contains(said, "index: 0 new rows") {
		t.Errorf("the next pass says\n%s", said)
	}
}
