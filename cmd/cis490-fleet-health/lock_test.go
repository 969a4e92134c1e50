package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestRootWritesForNobodyElse: a rebuild that was typed without `sudo -u` left a
// database of root, and each pass of the timer failed until somebody looked.
func TestRootWritesForNobodyElse(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		lacks(t, "not root")
	}
	for owner, want := range map[int]string{65534: "`sudo -u nobody`", 54321: "`sudo -u '#54321'`"} {
		for _, command := range []string{"pass --journal none --index-path I --alerts-path A", "rebuild --journal none --index-path I --alerts-path A",
			"prune --before 30d", "alerts export --alerts-path A"} {
			dir := t.TempDir()
			if code, said := aPass(t, t.Context(), dir); code != exitOK {
				t.Fatalf("exit %d\n%s", code, said)
			}
			before := listed(t, dir)
			if err := os.Chown(dir, owner, -1); err != nil {
				t.Fatal(err)
			}
			args := strings.Fields(strings.NewReplacer(" I", " "+dir+"/index.jsonl", " A", " "+dir+"/elsewhere.jsonl").Replace(command))
			var stderr strings.Builder
			code := run(t.Context(), append(args, "--db", dir+"/fleet.db"), testEnv(demoNow, &stderr))
			if said := stderr.String(); code != exitUsage || !strings.Contains(said, want) {
				t.Errorf("%s: exit %d\n%s", command, code, said)
			}
			if after := listed(t, dir); after != before {
				t.Errorf("%s: there was %s, there is %s", command, before, after)
			}
		}
	}
}

// listed are the files of a directory, with their sizes and when they were written.
func listed(t *testing.T, dir string) (list string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		list += fmt.Sprintln(e.Name(), info.Size(), info.ModTime())
	}
	return list
}
