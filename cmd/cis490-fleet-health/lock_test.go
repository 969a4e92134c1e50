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
		for _, command := range []string{
			"pass --db DIR/fleet.db --journal none --index-path DIR/index.jsonl --alerts-path DIR/elsewhere.jsonl",
			"rebuild --db DIR/fleet.db --journal none --index-path DIR/index.jsonl --alerts-path DIR/elsewhere.jsonl",
			"prune --db DIR/fleet.db --before 30d",
			"alerts export --db DIR/fleet.db --alerts-path DIR/elsewhere.jsonl",
			"demo DIR",
		} {
			dir := t.TempDir()
			if command != "demo DIR" { // that takes an empty one
				if code, said := aPass(t, t.Context(), dir); code != exitOK {
					t.Fatalf("exit %d\n%s", code, said)
				}
			}
			before := listed(t, dir)
			if err := os.Chown(dir, owner, -1); err != nil {
				t.Fatal(err)
			}
			var stderr strings.Builder
			code := run(t.Context(), strings.Fields(strings.ReplaceAll(command, "DIR", dir)), testEnv(demoNow, &stderr))
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
