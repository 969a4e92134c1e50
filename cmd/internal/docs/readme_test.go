package docs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/cis490/fleet-health/cmd/internal/fleettest"
	"github.com/google/go-cmp/cmp"
)

// papers returns the README of the program and those of its rooms, by their path from the
// root of the repository.
func papers(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, pattern := range []string{"*.md", "*/*.md", "*/*/*.md", ".ci/*.md"} {
		paths, err := filepath.Glob(filepath.Join("../../..", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			rel, _ := filepath.Rel("../../..", path)
			texts[rel] = string(text)
		}
	}
	if len(texts) < 8 {
		t.Fatalf("only %d papers were found", len(texts))
	}
	return texts
}

var fenced = regexp.MustCompile("(?ms)^```[a-z]*\n(.*?)^```\n")

// changing matches output that differs between runs: the clock in a line of the log,
// durations and sizes.
var changing = regexp.MustCompile(`(?m)^\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ |\d+ ?ms\b|[\d.]+ KiB|^database .*$`)

// TestTheSessionsOfThePapersAreReal runs the lines that start with $ in one shell for each
// paper, and compares the output.
func TestTheSessionsOfThePapersAreReal(t *testing.T) {
	t.Parallel()
	fleettest.Need(t, "/usr/bin/sqlite3")
	sessions := 0
	for path, text := range papers(t) {
		var script strings.Builder
		var commands, wants []string
		dir := t.TempDir()
		for _, block := range fenced.FindAllStringSubmatch(text, -1) {
			for _, typed := range regexp.MustCompile(`(?m)^\$ `).Split(block[1], -1)[1:] {
				command, want, _ := strings.Cut(strings.ReplaceAll(typed, "\\\n", "\x00"), "\n")
				command = strings.ReplaceAll(command, "\x00", "\\\n")
				commands, wants = append(commands, command), append(wants, want)
				fmt.Fprintf(&script, "%s\necho '=== next'\n", strings.ReplaceAll(command, "/tmp/fleet", filepath.Join(dir, "fleet")))
			}
		}
		if len(commands) == 0 {
			continue
		}
		sessions++
		shell := exec.Command("/bin/sh", "-e")
		shell.Stdin, shell.Dir = strings.NewReader(script.String()), dir
		shell.Env = []string{"PATH=" + filepath.Dir(fleettest.ProgramIn(t, dir)) + ":" + os.Getenv("PATH")}
		out, err := shell.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", path, err, out)
		}
		printed := strings.Split(string(out), "=== next\n")
		for i, want := range wants {
			if diff := cmp.Diff(changing.ReplaceAllString(want, "…"), changing.ReplaceAllString(printed[i], "…")); diff != "" {
				t.Errorf("%s: $ %s\n(-paper +printed):\n%s", path, commands[i], diff)
			}
		}
	}
	if sessions < 2 {
		t.Errorf("only %d papers have sessions", sessions)
	}
}

// TestThePapersKeepToTheirForm checks that the README is short, that lines fit a screen
// (except output of programs), and that the targets of links exist.
func TestThePapersKeepToTheirForm(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`\]\(([^)#]+)\)`)
	for path, text := range papers(t) {
		if n := strings.Count(text, "\n"); path == "README.md" && n > 150 {
			t.Errorf("the README has %d lines, more than 150", n)
		}
		for i, line := range strings.Split(fenced.ReplaceAllString(text, ""), "\n") {
			if n := utf8.RuneCountInString(line); n > 120 {
				t.Errorf("%s: paragraph line %d has %d characters: %s", path, i+1, n, line)
			}
		}
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join("../../..", filepath.Dir(path), m[1])); err != nil {
				t.Errorf("%s: the link to %s leads nowhere", path, m[1])
			}
		}
	}
}
