package fleettest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// ProgramIn links the test's binary into a directory under the program's name, and returns
// its path. Under that name, the binary is the program.
func ProgramIn(t testing.TB, dir string) string {
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

// OnTerminal runs a command with a pseudo-terminal as its output, and returns the output.
func OnTerminal(cmd *exec.Cmd, width int) (shown string, err error) {
	ours, theirs, err := OpenTerminal(width)
	if err != nil {
		return "", err
	}
	defer ours.Close()
	cmd.Stdout, cmd.Stderr = theirs, theirs
	err = cmd.Start()
	theirs.Close()
	if err != nil {
		return "", err
	}
	// Reading ends with EIO when no process has the other side open any more.
	text, _ := io.ReadAll(ours)
	return string(text), cmd.Wait()
}

// OpenTerminal makes a pseudo-terminal: what is written to theirs is read from ours.
func OpenTerminal(width int) (ours, theirs *os.File, err error) {
	ours, err = os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, err
	}
	number, err := unix.IoctlGetInt(int(ours.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(ours.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = resize(ours, width, 50)
	}
	if err == nil {
		theirs, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		ours.Close()
		return nil, nil, err
	}
	return ours, theirs, nil
}

// Resize gives the pseudo-terminal that is read from ours another size, in columns and lines,
// and tells this process, which is not in its foreground.
func Resize(ours *os.File, width, height int) error {
	return errors.Join(resize(ours, width, height), unix.Kill(os.Getpid(), unix.SIGWINCH))
}

func resize(ours *os.File, width, height int) error {
	return unix.IoctlSetWinsize(int(ours.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: uint16(height), Col: uint16(width)})
}
