package cli

import (
	"fmt"
	"os"
	"os/exec"
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
		code := Run(t.Context(), []string{"pass", "--db", filepath.Join(dir, "fleet.db"), "--index-path", index, "--alerts-path", filepath.Join(dir, "a"),
			"--journal-directory", journal}, testEnv(now, &said))
		if code != ExitOK {
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

// TestAnOldDamagedJournalFileStopsNoDetector: what an unclean shutdown had left
// months ago held back the detectors of the journal in each pass, for good.
func TestAnOldDamagedJournalFileStopsNoDetector(t *testing.T) {
	t.Parallel()
	need(t, journalRemote)
	for age, want := range map[time.Duration]string{60 * 24 * time.Hour: "--\nlab-05 and nothing\n", time.Minute: "--\nnobody and fatal-only,unstamped\n"} {
		b := newBed(t)
		b.now = demoNow
		b.check(os.WriteFile(b.index, nil, 0o644))
		remote := exec.Command(journalRemote, "-o", filepath.Join(b.journal(), "failed.journal"), "-")
		var entries strings.Builder
		for i := range 20 {
			fmt.Fprintf(&entries, "__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=%d\n_BOOT_ID=%032x\n_MACHINE_ID=%032x\n_SYSTEMD_UNIT=cis490-receiver.service\n_PID=77\n"+
				"MESSAGE=INFO:     10.0.0.1:5 - \"PUT /v1/episodes/lab-05/e%d HTTP/1.1\" 412 X\n\n", demoNow.Add(time.Duration(i-20)*time.Second).UnixMicro(), i+1, 5, 6, i)
		}
		remote.Stdin = strings.NewReader(entries.String())
		if out, err := remote.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		damaged := filepath.Join(b.journal(), "system@0006.journal~")
		b.check(os.WriteFile(damaged, []byte("LPKSHHRH"), 0o600))
		b.check(os.Chtimes(damaged, demoNow.Add(-age), demoNow.Add(-age)))
		var said strings.Builder
		code := Run(t.Context(), []string{"pass", "--db", filepath.Join(b.dir, "fleet.db"), "--index-path", b.index, "--alerts-path", filepath.Join(b.dir, "a"),
			"--journal-directory", b.journal()}, testEnv(demoNow, &said))
		if code != ExitUsage || !strings.Contains(said.String(), "system@0006.journal~") {
			t.Errorf("exit %d\n%s", code, &said)
		}
		if got := asked(t, b.dir, `SELECT COALESCE((SELECT host FROM alert_log), 'nobody') || ' and '
			|| COALESCE((SELECT group_concat(symptom) FROM held_back), 'nothing')`); got != want {
			t.Errorf("a file of %s ago: alerts and what is held back are %q, want %q\n%s", age, got, want, &said)
		}
	}
}
