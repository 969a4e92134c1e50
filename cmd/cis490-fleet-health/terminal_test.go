package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/cis490/fleet-health/cmd/internal/fleettest"
	"github.com/rogpeppe/go-internal/testscript"
)

// terminal runs the program with a terminal as its standard output and error,
// so many columns wide, and writes what it shows into the file tty, with ESC for
// the escape character:
//
//	terminal WIDTH argument…
func terminal(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: terminal WIDTH argument…")
	}
	width, err := strconv.Atoi(args[0])
	ts.Check(err)
	bin, _, _ := strings.Cut(ts.Getenv("PATH"), string(filepath.ListSeparator))
	cmd := exec.Command(filepath.Join(bin, "cis490-fleet-health"), args[1:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = []string{"PATH=" + ts.Getenv("PATH")}
	for _, name := range []string{"NO_COLOR", "TERM", "TZ", "COLUMNS"} {
		if value := ts.Getenv(name); value != "" {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	shown, err := fleettest.OnTerminal(cmd, width)
	ts.Check(err)
	shown = strings.ReplaceAll(strings.ReplaceAll(shown, "\r\n", "\n"), "\x1b", "ESC")
	for line := range strings.Lines(shown) {
		plain := strings.NewReplacer("ESC[31m", "", "ESC[33m", "", "ESC[0m", "", "\n", "").Replace(line)
		if n := utf8.RuneCountInString(plain); n > width && width >= 60 {
			ts.Fatalf("%d columns on a terminal of %d: %s", n, width, plain)
		}
	}
	ts.Check(os.WriteFile(ts.MkAbs("tty"), []byte(shown), 0o666))
}
