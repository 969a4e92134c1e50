package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/cis490/fleet-health/ingest"
	"github.com/cis490/fleet-health/report"
	"github.com/cis490/fleet-health/store"
	"github.com/spf13/cobra"
)

// still is an environment whose clock stands still.
func still(now time.Time, stderr io.Writer) *Env {
	e := &Env{Stdout: io.Discard, Stderr: stderr, Getenv: func(string) string { return "" }, Now: func() time.Time { return now }}
	e.startLog()
	return e
}

// TestExitCodes tests errors that are hard to cause from outside.
func TestExitCodes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want int
		says string
	}{
		{nil, ExitOK, ""},
		{errUnread, ExitUsage, ""},
		{errors.New("no space left on device"), ExitFailed, "no space left on device"},
		{fmt.Errorf("fleet.db: %w", store.ErrLocked), ExitFailed, "end the sqlite3 session that wrote to it (use sqlite3 -readonly); the next pass reads what this one missed"},
		{fmt.Errorf("fleet.db: %w", store.ErrCorrupt), ExitFailed, "`cis490-fleet-health rebuild` with the flags of the pass"},
		{fmt.Errorf("fleet.db: %w", store.ErrNewer), ExitUsage, "newer version"},
		{fmt.Errorf("fleet.db: %w", store.ErrPath), ExitUsage, "fleet.db"},
		{fmt.Errorf("index: %w", ingest.ErrUnread), ExitUsage, "index"},
		{fmt.Errorf("alerts: %w", report.ErrAlertsPath), ExitUsage, "alerts"},
		{fmt.Errorf("%w: --x", errUsage), ExitUsage, "--x"},
		{usageError{errors.New("unknown flag: --x")}, ExitUsage, "--x"},
		{errors.New("two\nlines\x1b[2J\n"), ExitFailed, `two\nlines\x1b[2J`},
	} {
		var stderr bytes.Buffer
		sayError(still(time.Unix(0, 0).UTC(), &stderr), &cobra.Command{}, c.err)
		got := exitCode(c.err)
		if said := stderr.String(); got != c.want || !strings.Contains(said, c.says) || strings.Count(said, "\n") != min(len(c.says), 1) {
			t.Errorf("%v: exit %d, want %d; said %q, want one line with %q", c.err, got, c.want, said, c.says)
		}
	}
}
