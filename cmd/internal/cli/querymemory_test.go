package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cis490/fleet-health/cmd/internal/cli"
	"github.com/cis490/fleet-health/cmd/internal/fleettest"
	"github.com/cis490/fleet-health/report"
)

// numbers returns the start of a query that counts up to n.
func numbers(n int) string {
	return fmt.Sprintf("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT %d) ", n)
}

// TestWhatAnAnswerTakes: a table was held and padded as a whole, so that one long
// value among many rows took gigabytes. An answer of any length takes a constant amount
// of memory. One with long values takes as much as --help says, or is refused.
func TestWhatAnAnswerTakes(t *testing.T) {
	t.Parallel()
	if fleettest.RaceDetector {
		t.Skip("the race detector takes memory of its own")
	}
	db := fleetOfTimes(t, 1, fleettest.Now.UnixMicro())
	rows := fleettest.LongOr(500_000, 20_000)
	const small, large = 64, 400 // MiB
	for _, c := range []struct {
		name, text string
		most       int
	}{
		{"many rows", numbers(rows) + "SELECT i, 'lab-' || (i % 100) AS host, '2026-05-01T10:26:58.757155Z' AS at FROM n", small},
		{"one long value", numbers(1000) + "SELECT i, CASE WHEN i = 500 THEN hex(zeroblob(1200000)) END AS x, 'end' AS tail FROM n", small},
		{"wide rows, all different", numbers(rows/50) + "SELECT replace(hex(zeroblob(499)), '0', 'é') || i AS x, i FROM n", small},
		{"marks of no width", numbers(rows/50) + "SELECT 'e' || replace(hex(zeroblob(2000)), '0', char(0x301)) AS x, i FROM n", small},
		{"many columns", numbers(20) + "SELECT " + strings.Repeat("hex(zeroblob(600)), ", 500) + "i FROM n", small},
		{"columns of 16 MB", "SELECT " + strings.Repeat("hex(zeroblob(8000000)), ", 60) + "1", large},
		{"rows of 16 MB", numbers(3) + "SELECT zeroblob(16000000) AS x FROM n", large},
		{"too long a value", numbers(100_000) + "SELECT group_concat(hex(zeroblob(4500))) FROM n", large},
	} {
		for _, format := range report.Formats {
			cmd := exec.CommandContext(t.Context(), "cis490-fleet-health-measured", "query", "--db", db, "--timeout", "0", "--format", format, c.text)
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			err := cmd.Run()
			said, peak, _ := strings.Cut(stderr.String(), fleettest.PeakMark)
			kib, _ := strconv.Atoi(peak)
			if kib == 0 || kib > c.most<<10 || strings.Contains(said, "goroutine") || c.most == small && err != nil {
				t.Errorf("%s as %s: %d MiB at most, %v\n%.300s", c.name, format, kib>>10, err, said)
			}
		}
	}
}

// TestAnAnswerThatNobodyReads: an open pager held the read transaction, whatever
// --timeout said.
func TestAnAnswerThatNobodyReads(t *testing.T) {
	t.Parallel()
	db := fleetOfTimes(t, 1, fleettest.Now.UnixMicro())
	for _, format := range report.Formats {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			reader, writer, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer reader.Close()
			defer writer.Close()
			var said bytes.Buffer
			e := fleettest.Env(fleettest.Now, &said)
			e.Stdout = writer
			// On a busy machine a second may be over before the first rows are written.
			text := numbers(3) + "SELECT a.i, hex(zeroblob(450)) AS x FROM n a, n b, n c, n d, n e, n f, n g"
			if code := cli.Run(t.Context(), []string{"query", "--db", db, "--timeout", "5s", "--format", format, text}, e); code != cli.ExitFailed {
				t.Errorf("exit %d", code)
			}
			if !strings.Contains(said.String(), "the answer was not read to its end within --timeout 5s") {
				t.Errorf("it said %s", &said)
			}
		})
	}
}

// TestAnAnswerEndsWithASignal: after a signal it waited for its reader, too.
func TestAnAnswerEndsWithASignal(t *testing.T) {
	t.Parallel()
	db := fleetOfTimes(t, 1, fleettest.Now.UnixMicro())
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	defer writer.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var said bytes.Buffer
	e := fleettest.Env(fleettest.Now, &said)
	e.Stdout = &cancelling{writer, cancel}
	if code := cli.Run(ctx, []string{"query", "--db", db, "--timeout", "0", "--format", "csv", numbers(1_000_000) + "SELECT i FROM n"}, e); code != cli.ExitFailed ||
		!strings.Contains(said.String(), "stopped by a signal") {
		t.Errorf("exit %d\n%s", code, &said)
	}
}

// cancelling is a pipe that is full from the second write on. A signal comes then.
type cancelling struct {
	w      io.Writer
	cancel func()
}

func (c *cancelling) Write(p []byte) (int, error) {
	time.AfterFunc(10*time.Millisecond, c.cancel)
	return c.w.Write(bytes.Repeat([]byte("x"), 1<<17))
}
