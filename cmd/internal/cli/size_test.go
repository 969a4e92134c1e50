package cli_test

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cis490/fleet-health/cmd/internal/cli"
	"github.com/cis490/fleet-health/cmd/internal/fleettest"
)

// TestAPassKeepsTheDatabaseWithinItsSize: only age limited it. Pruned rows must not come
// back, neither with the next pass nor from the index.
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
		e := fleettest.Env(now, &stderr) // the clock stands still, so the time is never up
		code := cli.Run(t.Context(), []string{"pass", "--db", filepath.Join(dir, "fleet.db"), "--index-path", index,
			"--alerts-path", filepath.Join(dir, "alerts.jsonl"), "--journal", "none", "--now", now.Format(time.RFC3339), "--max-database-size", size}, e)
		info, err := os.Stat(filepath.Join(dir, "fleet.db"))
		if code != cli.ExitOK || err != nil {
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
