package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestAJournalThatNeverHadTheUnit: with a wrong unit from the first pass on, hosts
// were healthy and their PUTs 0.
func TestAJournalThatNeverHadTheUnit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	index, journal := filepath.Join(dir, "index.jsonl"), filepath.Join(dir, "j")
	if err := os.Mkdir(journal, 0o755); err != nil {
		t.Fatal(err)
	}
	var lines, said strings.Builder
	pass := func(now time.Time) {
		t.Helper()
		if err := os.WriteFile(index, []byte(lines.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		said.Reset()
		code := run(t.Context(), []string{"pass", "--db", filepath.Join(dir, "fleet.db"), "--index-path", index, "--alerts-path", filepath.Join(dir, "a"),
			"--journal-directory", journal}, testEnv(now, &said))
		if code != exitOK {
			t.Fatalf("exit %d\n%s", code, &said)
		}
	}
	ships := func(from time.Time) {
		for i := range 20 {
			fmt.Fprintln(&lines, ship("lab-1", from.Add(time.Duration(i)*time.Minute)))
		}
	}
	ships(demoNow.Add(-2 * time.Hour))
	pass(demoNow)
	if strings.Contains(said.String(), "understood") {
		t.Errorf("of ships from before the first pass: %s", &said)
	}
	ships(demoNow.Add(time.Minute))
	pass(demoNow.Add(40 * time.Minute))
	if !strings.Contains(said.String(), "no line of unit cis490-receiver was understood as a PUT") {
		t.Errorf("of ships since then: %s", &said)
	}
	if got := asked(t, dir, "SELECT group_concat(symptom) FROM held_back", "SELECT reason FROM gap_log"); got != "--\nfatal-only,unstamped\n--\nnot-understood\n" {
		t.Errorf("it has left %s", got)
	}
}
