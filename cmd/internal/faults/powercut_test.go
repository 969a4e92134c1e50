package faults

import (
	"bytes"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/cis490/fleet-health/cmd/internal/fleettest"
)

// apart tells a test that it runs in its own process.
const apart = "FLEET_HEALTH_APART"

// withOwnMounts runs a test in its own process, whose mounts always end with it.
func withOwnMounts(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	if os.Getenv(apart) != "" {
		test(t)
		return
	}
	if os.Geteuid() != 0 {
		fleettest.Lacks(t, "not root")
	}
	args := []string{"-test.v", "-test.run=^" + t.Name() + "$"}
	for _, same := range []string{"test.timeout", "test.parallel"} {
		args = append(args, "-"+same+"="+flag.Lookup(same).Value.String())
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), apart+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	runtime.LockOSThread() // the child is killed when the thread that started it ends
	defer runtime.UnlockOSThread()
	said, err := cmd.CombinedOutput()
	if errors.Is(err, syscall.EPERM) {
		fleettest.Lacks(t, err)
	}
	lines := strings.Split(string(said), "\n")
	t.Log(strings.Join(slices.DeleteFunc(lines, func(line string) bool { return strings.HasPrefix(line, "=== ") }), "\n"))
	if err != nil {
		t.Error(err)
	}
}

// onDisk puts the copies of a scene on a disk whose power can be cut.
func onDisk(s *scene) (err error) {
	if s.disk, err = newDisk(s.t); err == nil {
		s.at = s.disk.dir
	}
	return err
}

// TestAfterAPowerCutNothingIsLostOrDoubled cuts the power before each mutating system call
// of a pass, which loses unsynced data. No alert may count as exported that is not in
// alerts.jsonl. The next pass must leave the same data as an undisturbed one, in a sound
// database.
func TestAfterAPowerCutNothingIsLostOrDoubled(t *testing.T) {
	t.Parallel()
	fleettest.NeedStrace(t)
	withOwnMounts(t, func(t *testing.T) {
		needDisk(t)
		sweep(t, []string{nothing, names, anything}, 21, onDisk, func(s *scene, dir string, d disturbance) {
			s.disturbed(dir, disturbance{d.point, kill})
			s.disk.cut(s.t, d.fault, d.String())
			d.fault = "a power cut that leaves " + d.fault
			if missing := exportedNowhere(s.t, dir); missing != "" {
				s.t.Errorf("%v: marked as exported, but not in the file: %s", d, missing)
			}
			s.whole(dir, d)
			if found := fleettest.Asked(s.t, dir, "PRAGMA integrity_check"); found != "--\nok\n" {
				s.t.Errorf("%v: the database is not whole: %s", d, found)
			}
		})
	})
}

// TestAPowerCutInALargeExport cuts the power after alerts are appended and before they are
// synced. Some of their pages are on the disk then, and others are empty. Torn lines and
// zeros stayed in the file until somebody edited it.
func TestAPowerCutInALargeExport(t *testing.T) {
	t.Parallel()
	fleettest.NeedStrace(t)
	withOwnMounts(t, func(t *testing.T) {
		needDisk(t)
		s := manyAlerts(firstRun(t))
		if err := onDisk(s); err != nil {
			t.Fatal(err)
		}
		holes := 0
		for i := range 12 {
			dir := s.copied()
			s.disturbed(dir, disturbance{point{call: "fsync", path: "alerts.jsonl", nth: 1}, kill})
			s.disk.cut(t, anything, fmt.Sprint(i))
			if alerts, err := os.ReadFile(dir + "/alerts.jsonl"); err != nil || bytes.IndexByte(alerts, 0) >= 0 {
				holes++
			}
			s.whole(dir, fmt.Sprintf("seed %d", i))
			os.RemoveAll(dir)
		}
		if t.Logf("%d of 12 left empty pages", holes); holes == 0 {
			t.Error("the cut has not done what the test is for")
		}
	})
}

// TestAlertsThatWereAdoptedHaveAName: a pass was killed between the sync of a new
// alerts.jsonl and that of its directory. The next pass marked its alerts as exported
// without syncing the directory. ext4 syncs both at once, so no power cut shows this.
func TestAlertsThatWereAdoptedHaveAName(t *testing.T) {
	t.Parallel()
	fleettest.NeedStrace(t)
	s := firstRun(t).after("adoption", 50)
	db, err := sql.Open("sqlite", s.dir+"/fleet.db")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("UPDATE alerts SET exported_at = NULL; DELETE FROM cursors WHERE source_id = (SELECT id FROM sources WHERE stream = 'alerts')"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"alerts.jsonl", "alerts.jsonl.1"} {
		if err := os.Rename(s.dir+"/alerts.jsonl", s.dir+"/"+name); err != nil {
			t.Fatal(err)
		}
		points := s.points()
		i := slices.IndexFunc(points, func(p point) bool { return p.call == "fsync" && p.path == name })
		if i < 0 || i+1 == len(points) || points[i+1].call != "fsync" || points[i+1].path != "." {
			t.Errorf("no sync of the directory behind that of %s: %v", name, points[max(i, 0):min(i+2, len(points))])
		}
	}
}
