package faults

import (
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cis490/fleet-health/cmd/internal/cli"
	"github.com/cis490/fleet-health/cmd/internal/fleettest"
	"github.com/google/go-cmp/cmp"
)

// sweep disturbs the pass of each scene at its points, each time on a fresh copy, and calls
// check. It prints the number of tries. It calls prepare first, with a copy of the scene
// for each group of points. The nightly run tries every fault at each point, or the faults
// in turn if the pass is slow. The short run tries n points of a scene.
func sweep(t *testing.T, faults []string, n int, prepare func(s *scene) error, check func(s *scene, dir string, d disturbance)) {
	fleettest.NeedStrace(t)
	const shards = 4
	var tried atomic.Int64
	points, wanted, scenes := 0, 0, scenes(t)
	t.Cleanup(func() {
		t.Logf("sweep: %s: %d points of %d scenes, %d passes disturbed: %s", t.Name(), points, len(scenes), tried.Load(), strings.Join(faults, ", "))
		if int(tried.Load()) != wanted {
			t.Errorf("%d passes were to be disturbed", wanted)
		}
	})
	for _, s := range scenes {
		found := s.points()
		all := chosen(found, faults, n, s.slow)
		points += len(found)
		wanted += len(all)
		for shard := range shards {
			t.Run(fmt.Sprintf("%s/%d", s.name, shard), func(t *testing.T) {
				t.Parallel()
				s := s.in(t)
				if err := prepare(s); err != nil {
					t.Fatal(err)
				}
				for i := shard; i < len(all); i += shards {
					dir := s.copied()
					check(s, dir, all[i])
					os.RemoveAll(dir)
					tried.Add(1)
				}
			})
		}
	}
}

// inMemory puts the copies of a scene into memory. A killed process loses no written data,
// unlike a machine that loses power.
func inMemory(s *scene) error { s.at = fleettest.MemoryDir(s.t); return nil }

// TestKilledAnywhereNothingIsLostOrDoubled kills a pass with SIGKILL before its mutating
// system calls. The next pass must leave the same data as an undisturbed pass.
func TestKilledAnywhereNothingIsLostOrDoubled(t *testing.T) {
	t.Parallel()
	sweep(t, []string{kill}, 40, inMemory, func(s *scene, dir string, d disturbance) {
		s.disturbed(dir, d)
		s.whole(dir, d)
	})
}

// TestAFailedWriteHeals makes the same calls fail, once or from then on. The pass reports
// the error in one line and exits with 1, or it recovers and leaves the right data. No
// alert counts as exported that is not in the file. The next pass must find all rows,
// which shows that no cursor is ahead of its rows.
func TestAFailedWriteHeals(t *testing.T) {
	t.Parallel()
	faults := []string{"error=ENOSPC", "error=EIO", "error=EROFS", "error=ENOSPC+", "error=EIO+", "error=EROFS+"}
	sweep(t, faults, 60, inMemory, func(s *scene, dir string, d disturbance) {
		trace, code, said := s.disturbed(dir, d)
		switch lines := strings.Count(said, " ERROR "); {
		case code == cli.ExitOK && lines == 0:
			if diff := cmp.Diff(s.want, left(s.t, dir)); diff != "" {
				s.t.Errorf("%v: exit 0, but (-undisturbed +disturbed):\n%s", d, diff)
			}
		case code != cli.ExitFailed || lines != 1 || !isClear(said):
			s.t.Errorf("%v: exit %d, and it said:\n%s", d, code, said)
		}
		// SQLite ignores an error of syncing a directory, and a later sync of the directory
		// is for another file.
		if again := syncedAgain(trace); again != "" && d.path != "." {
			s.t.Errorf("%v: a sync that failed was tried again: %s", d, again)
		}
		if missing := exportedNowhere(s.t, dir); missing != "" {
			s.t.Errorf("%v: marked as exported, but not in the file: %s", d, missing)
		}
		s.whole(dir, d)
	})
}

// isClear reports whether the line about an error names the file and the way out.
func isClear(said string) bool {
	_, line, _ := strings.Cut(said, " ERROR ")
	names := strings.Contains(line, "fleet.db") || strings.Contains(line, "alerts.jsonl")
	return names && (strings.Contains(line, "make room") || strings.Contains(line, "`df`"))
}

// syncedAgain returns a sync that was repeated after it had failed, without a write to the
// file or a truncation in between. The kernel has dropped the unwritten pages, and reports
// success the second time. SQLite truncates a new database to zero and syncs that, which
// is correct.
func syncedAgain(trace []byte) string {
	failed := false
	for line := range strings.Lines(string(trace)) {
		sync := strings.Contains(line, " fsync(") || strings.Contains(line, " fdatasync(")
		switch {
		case sync && failed:
			return line
		case sync:
			failed = strings.Contains(line, "(INJECTED)")
		case strings.Contains(line, "write"), strings.Contains(line, "truncate"):
			failed = false
		}
	}
	return ""
}

// exportedNowhere returns the alerts that count as exported but are neither in the file nor
// in the rotated one.
func exportedNowhere(t *testing.T, dir string) (missing string) {
	t.Helper()
	file, _ := os.ReadFile(dir + "/alerts.jsonl")
	rotated, _ := os.ReadFile(dir + "/alerts.jsonl.1")
	file = append(file, rotated...)
	for key := range strings.Lines(fleettest.Asked(t, dir, "SELECT dedup_key FROM alert_log WHERE exported_at IS NOT NULL")) {
		if key = strings.TrimSpace(key); len(key) == 16 && !strings.Contains(string(file), key) {
			missing += key + "\n"
		}
	}
	return missing
}
