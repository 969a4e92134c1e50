package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheReadmeShowsWhatIsPrinted: the demo's tables, the flags of the pass, and
// the answers of the saved queries that the README shows.
func TestTheReadmeShowsWhatIsPrinted(t *testing.T) {
	t.Parallel()
	need(t, "/usr/bin/sqlite3")
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := func(what, printed, prefix string) {
		t.Helper()
		lines := 0
		for line := range strings.Lines(printed) {
			if !strings.HasPrefix(line, prefix) {
				continue
			}
			if lines++; !strings.Contains(string(readme), "\n"+line) {
				t.Errorf("the README does not show this line of %s:\n%s", what, line)
			}
		}
		if lines < 4 {
			t.Errorf("%s printed only %d lines that begin with %q", what, lines, prefix)
		}
	}
	var stdout bytes.Buffer
	e := testEnv(demoNow, os.Stderr)
	e.stdout = &stdout
	dir := filepath.Join(t.TempDir(), "fleet")
	if code := run(t.Context(), []string{"demo", dir}, e); code != exitOK {
		t.Fatalf("exit %d", code)
	}
	tables, _, _ := strings.Cut(stdout.String(), "\nTry next")
	shown("demo", tables, " ")
	stdout.Reset()
	if code := run(t.Context(), []string{"pass", "--help"}, e); code != exitOK {
		t.Fatalf("exit %d", code)
	}
	shown("pass --help", stdout.String(), "      --")
	for _, query := range []string{"failing", "last-good"} {
		out, err := exec.Command("/usr/bin/sqlite3", "-readonly", "-box", filepath.Join(dir, "fleet.db"),
			".param set :since 2026-05-01T10:00:00Z", ".read ../../deploy/queries/"+query+".sql").CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		shown(query, string(out), "")
	}
}
