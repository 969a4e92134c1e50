package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
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
	shown, err := onTerminal(cmd, width)
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

// programIn puts the program into a directory, under its name, and returns its
// path: this test's own binary is main by that name, as in the scripts.
func programIn(t testing.TB, dir string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "cis490-fleet-health")
	if err := os.Symlink(self, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// onTerminal runs a command with a pseudo-terminal as its output, and returns
// what reached it.
func onTerminal(cmd *exec.Cmd, width int) (shown string, err error) {
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return "", err
	}
	defer ours.Close()
	number, err := unix.IoctlGetInt(int(ours.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(ours.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(int(ours.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 50, Col: uint16(width)})
	}
	if err != nil {
		return "", err
	}
	theirs, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return "", err
	}
	cmd.Stdout, cmd.Stderr = theirs, theirs
	err = cmd.Start()
	theirs.Close()
	if err != nil {
		return "", err
	}
	// Reading ends with EIO when nobody has the other side open any more.
	text, _ := io.ReadAll(ours)
	return string(text), cmd.Wait()
}
