package main

import (
	"errors"
	"flag"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// apart tells a test that it runs in a process of its own.
const apart = "FLEET_HEALTH_APART"

// withOwnMounts runs a test in a process of its own, whose mounts end with it,
// however that is.
func withOwnMounts(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	if os.Getenv(apart) != "" {
		test(t)
		return
	}
	if os.Geteuid() != 0 {
		lacks(t, "not root")
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.run=^"+t.Name()+"$",
		"-test.timeout="+flag.Lookup("test.timeout").Value.String())
	cmd.Env = append(os.Environ(), apart+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	runtime.LockOSThread() // whose end would count as that of this process
	defer runtime.UnlockOSThread()
	said, err := cmd.CombinedOutput()
	if errors.Is(err, syscall.EPERM) {
		lacks(t, err)
	}
	lines := strings.Split(string(said), "\n")
	t.Log(strings.Join(slices.DeleteFunc(lines, func(line string) bool { return strings.HasPrefix(line, "=== ") }), "\n"))
	if err != nil {
		t.Error(err)
	}
}

// TestAfterAPowerCutNothingIsLostOrDoubled cuts the power before each mutating
// system call of a pass. What the pass had not synced is lost. No alert may count
// as exported then that does not stand in alerts.jsonl; and the next pass leaves
// what an undisturbed one does, in a database that is whole.
func TestAfterAPowerCutNothingIsLostOrDoubled(t *testing.T) {
	t.Parallel()
	needStrace(t)
	withOwnMounts(t, func(t *testing.T) {
		needDisk(t)
		onDisk := func(s *scene) (err error) { s.disk, err = newDisk(s.t); return err }
		sweep(t, []string{nothing, names, anything}, 21, 1, onDisk, func(s *scene, dir string, d disturbance) {
			s.disturbed(dir, disturbance{d.point, kill})
			s.disk.cut(s.t, d.fault, d.String())
			d.fault = "a power cut that leaves " + d.fault
			if missing := exportedNowhere(s.t, dir); missing != "" {
				s.t.Errorf("%v: marked as exported, but not in the file: %s", d, missing)
			}
			s.whole(dir, d)
			if found := asked(s.t, dir, "PRAGMA integrity_check"); found != "--\nok\n" {
				s.t.Errorf("%v: the database is not whole: %s", d, found)
			}
		})
	})
}
