package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestSavedQueriesRunInDebiansSQLite runs each query of deploy/queries with
// Debian's sqlite3, from where the demo's trouble began.
func TestSavedQueriesRunInDebiansSQLite(t *testing.T) {
	t.Parallel()
	need(t, "/usr/bin/sqlite3")
	dir := t.TempDir()
	if code := run(t.Context(), []string{"demo", filepath.Join(dir, "fleet")}, testEnv(demoNow, os.Stderr)); code != exitOK {
		t.Fatalf("exit %d", code)
	}
	// What each must say of the demo's fleet, among other things.
	says := map[string]string{
		"blind.sql":     "",
		"commits.sql":   "",
		"failing.sql":   "lab-06|412|36|2026-05-01T10:26:58.757155Z|2026-05-01T11:58:57.075844Z\n",
		"last-good.sql": "lab-07|2026-05-01T11:19:00.684590Z|2026-05-01T11:21:04.057958Z|20\n",
		"passes.sql":    "|ok|",
		"silences.sql":  "lab-05|2026-05-01T11:12:48.808687Z||46\n",
	}
	queries, err := filepath.Glob("../../deploy/queries/*.sql")
	if err != nil || len(queries) != len(says) {
		t.Fatalf("found %d queries (%v), want %d", len(queries), err, len(says))
	}
	for _, query := range queries {
		out, err := exec.Command("/usr/bin/sqlite3", "-readonly", filepath.Join(dir, "fleet", "fleet.db"),
			".param set :since 2026-05-01T10:00:00Z", ".read "+query).CombinedOutput()
		if err != nil || strings.Contains(string(out), "rror") {
			t.Errorf("%s: %v\n%s", query, err, out)
		}
		if want := says[filepath.Base(query)]; !strings.Contains(string(out), want) {
			t.Errorf("%s says\n%s\nnot %q", query, out, want)
		}
	}
}
