package cli_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cis490/fleet-health/cmd/internal/cli"
	"github.com/cis490/fleet-health/cmd/internal/fleettest"
)

// TestAJournalThatNeverHadTheUnit: the unit was wrong from the first pass on, and hosts
// were healthy with 0 PUTs. Later this happened only beside a file damaged long ago.
func TestAJournalThatNeverHadTheUnit(t *testing.T) {
	t.Parallel()
	t.Run("an empty one", func(t *testing.T) { neverHadTheUnit(t, false) })
	t.Run("one with a file that was damaged long ago", func(t *testing.T) { neverHadTheUnit(t, true) })
}

func neverHadTheUnit(t *testing.T, damaged bool) {
	t.Parallel()
	dir := t.TempDir()
	index, journal := filepath.Join(dir, "index.jsonl"), filepath.Join(dir, "j")
	if err := os.Mkdir(journal, 0o755); err != nil {
		t.Fatal(err)
	}
	want := cli.ExitOK
	if damaged {
		want = cli.ExitUsage
		path, old := filepath.Join(journal, "system@0006.journal~"), fleettest.Now.Add(-60*24*time.Hour)
		if err := errors.Join(os.WriteFile(path, []byte("LPKSHHRH"), 0o600), os.Chtimes(path, old, old)); err != nil {
			t.Fatal(err)
		}
	}
	var lines, said strings.Builder
	pass := func(now time.Time) {
		t.Helper()
		if err := os.WriteFile(index, []byte(lines.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		said.Reset()
		code := cli.Run(t.Context(), []string{"pass", "--db", filepath.Join(dir, "fleet.db"), "--index-path", index, "--alerts-path", filepath.Join(dir, "a"),
			"--journal-directory", journal}, fleettest.Env(now, &said))
		if code != want {
			t.Fatalf("exit %d\n%s", code, &said)
		}
	}
	ships := func(from time.Time) {
		for i := range 20 {
			fmt.Fprintln(&lines, fleettest.Ship("lab-1", from.Add(time.Duration(i)*time.Minute)))
		}
	}
	ships(fleettest.Now.Add(-2 * time.Hour))
	pass(fleettest.Now)
	if strings.Contains(said.String(), "understood") {
		t.Errorf("of ships from before the first pass: %s", &said)
	}
	ships(fleettest.Now.Add(time.Minute))
	pass(fleettest.Now.Add(40 * time.Minute))
	if !strings.Contains(said.String(), "no line of unit cis490-receiver was understood as a PUT") {
		t.Errorf("of ships since then: %s", &said)
	}
	if got := fleettest.Asked(t, dir, "SELECT group_concat(symptom) FROM held_back", "SELECT reason FROM gap_log WHERE reason <> 'source-unread'"); got != "--\nfatal-only,unstamped\n--\nnot-understood\n" {
		t.Errorf("it has left %s", got)
	}
}

// TestAnOldDamagedJournalFileStopsNoDetector: a file damaged by an unclean shutdown
// months ago held back the detectors of the journal for good.
func TestAnOldDamagedJournalFileStopsNoDetector(t *testing.T) {
	t.Parallel()
	fleettest.Need(t, fleettest.JournalRemote)
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for age, want := range map[time.Duration]string{60 * 24 * time.Hour: "--\nlab-05 and nothing\n", time.Minute: "--\nnobody and fatal-only,unstamped\n"} {
		dir := t.TempDir()
		index, journal := filepath.Join(dir, "index.jsonl"), filepath.Join(dir, "j")
		var entries strings.Builder
		for i := range 20 {
			entries.WriteString(fleettest.JournalEntry(fleettest.Now.Add(time.Duration(i-20)*time.Second).UnixMicro(), int64(i+1), 0,
				fmt.Sprintf("_SYSTEMD_UNIT=cis490-receiver.service\nMESSAGE=INFO:     10.0.0.1:5 - \"PUT /v1/episodes/lab-05/e%d HTTP/1.1\" 412 X", i)))
		}
		check(os.Mkdir(journal, 0o755))
		check(os.WriteFile(index, nil, 0o644))
		fleettest.WriteJournal(t, filepath.Join(journal, "failed.journal"), []byte(entries.String()))
		damaged := filepath.Join(journal, "system@0006.journal~")
		check(os.WriteFile(damaged, []byte("LPKSHHRH"), 0o600))
		check(os.Chtimes(damaged, fleettest.Now.Add(-age), fleettest.Now.Add(-age)))
		var said strings.Builder
		code := cli.Run(t.Context(), []string{"pass", "--db", filepath.Join(dir, "fleet.db"), "--index-path", index, "--alerts-path", filepath.Join(dir, "a"),
			"--journal-directory", journal}, fleettest.Env(fleettest.Now, &said))
		if code != cli.ExitUsage || !strings.Contains(said.String(), "system@0006.journal~") {
			t.Errorf("exit %d\n%s", code, &said)
		}
		if got := fleettest.Asked(t, dir, `SELECT COALESCE((SELECT host FROM alert_log WHERE symptom = 'fatal-only'), 'nobody') || ' and '
			|| COALESCE((SELECT group_concat(symptom) FROM held_back), 'nothing')`); got != want {
			t.Errorf("a file of %s ago: alerts and what is held back are %q, want %q\n%s", age, got, want, &said)
		}
	}
}
