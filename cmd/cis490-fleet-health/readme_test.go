package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// readmeBlocks returns the fenced blocks of the README that begin with a line.
func readmeBlocks(t *testing.T, begin string) (blocks []string) {
	t.Helper()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("(?ms)^```[a-z]*\n(.*?)^```\n").FindAllStringSubmatch(string(readme), -1) {
		if strings.HasPrefix(m[1], begin) {
			blocks = append(blocks, m[1])
		}
	}
	return blocks
}

// changing is what differs from one run to the next: the clock in a line of the
// log, and how long something took.
var changing = regexp.MustCompile(`(?m)^\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ |\d+ ?ms\b|[\d.]+ KiB|^database .*$`)

// TestTheReadmesSessionsAreReal types every line of the README that begins with
// a $, in the demo's directory, and compares what is printed.
func TestTheReadmesSessionsAreReal(t *testing.T) {
	t.Parallel()
	need(t, "/usr/bin/sqlite3")
	dir := t.TempDir()
	if code := run(t.Context(), []string{"demo", filepath.Join(dir, "fleet")}, testEnv(demoNow, os.Stderr)); code != exitOK {
		t.Fatalf("exit %d", code)
	}
	// As the README says of its sessions: the demo's database and time stand
	// behind the commands that read.
	program := programIn(t, dir)
	bin := filepath.Join(dir, "bin")
	wrapper := "#!/bin/sh\ncase $1 in\nreport | alerts | status | query) exec " + program + ` "$@" --db fleet.db --now 2026-05-01T12:00:00Z ;;` +
		"\n*) exec " + program + ` "$@" ;;` + "\nesac\n"
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bin, "cis490-fleet-health"), []byte(wrapper), 0o755); err != nil {
		t.Fatal(err)
	}
	blocks := readmeBlocks(t, "$ ")
	if len(blocks) < 6 {
		t.Fatalf("the README has %d sessions, want at least 6", len(blocks))
	}
	for _, block := range blocks {
		for _, typed := range regexp.MustCompile(`(?m)^\$ `).Split(block, -1)[1:] {
			command, want, _ := strings.Cut(strings.ReplaceAll(typed, "\\\n", "\x00"), "\n")
			command = strings.ReplaceAll(command, "\x00", "\\\n")
			shell := exec.Command("/bin/sh", "-c", strings.ReplaceAll(command, "/tmp/fleet", filepath.Join(dir, "fleet")))
			shell.Dir = filepath.Join(dir, "fleet")
			shell.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH")}
			got, err := shell.CombinedOutput()
			if err != nil {
				t.Fatalf("%s: %v\n%s", command, err, got)
			}
			if diff := cmp.Diff(changing.ReplaceAllString(want, "…"), changing.ReplaceAllString(string(got), "…")); diff != "" {
				t.Errorf("$ %s\n(-README +printed):\n%s", command, diff)
			}
		}
	}
}

// TestTheReadmeShowsTheFlags: those of the pass, and those of the commands that read.
func TestTheReadmeShowsTheFlags(t *testing.T) {
	t.Parallel()
	blocks := readmeBlocks(t, "      --")
	for _, command := range []string{"pass", "report"} {
		var stdout bytes.Buffer
		e := testEnv(demoNow, os.Stderr)
		e.stdout = &stdout
		if code := run(t.Context(), []string{command, "--help"}, e); code != exitOK {
			t.Fatalf("exit %d", code)
		}
		_, flags, _ := strings.Cut(stdout.String(), "\nFlags:\n")
		flags, _, _ = strings.Cut(flags, "\n\n")
		if !slices.Contains(blocks, flags+"\n") {
			t.Errorf("the README does not show the flags of %s:\n%s", command, flags)
		}
	}
}
