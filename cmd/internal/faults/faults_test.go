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

// sweep disturbs the pass of each scene at its points, on a fresh copy of the
// scene, calls check with it, and prints how much it has tried. prepare is called
// before, with what is a scene of its own for some of the points. The nightly run
// tries every fault at each point, or the faults in turn where that takes too
// long; the short one, n points of a scene.
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

// inMemory lays a scene's copies into memory: a process that ends, unlike a
// machine that does, forgets nothing that is not synced.
func inMemory(s *scene) error { s.at = fleettest.MemoryDir(s.t); return nil }

// TestKilledAnywhereNothingIsLostOrDoubled kills a pass with SIGKILL before its
// mutating system calls, and compares what the next pass leaves with what an
// undisturbed pass does.
func TestKilledAnywhereNothingIsLostOrDoubled(t *testing.T) {
	t.Parallel()
	sweep(t, []string{kill}, 40, inMemory, func(s *scene, dir string, d disturbance) {
		s.disturbed(dir, d)
		s.whole(dir, d)
	})
}

// TestAFailedWriteHeals lets the same calls fail, once and from then on. The
// pass says so in one line and exits with 1, or has got over it and left what it
// should; nothing counts as exported that is not in the file; and the next pass
// goes on. Were a cursor ahead of its rows, that one would not find them.
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
		// SQLite does not look at how the sync of a directory ends, and what syncs it
		// later does so for another file.
		if again := syncedAgain(trace); again != "" && d.path != "." {
			s.t.Errorf("%v: a sync that failed was tried again: %s", d, again)
		}
		if missing := exportedNowhere(s.t, dir); missing != "" {
			s.t.Errorf("%v: marked as exported, but not in the file: %s", d, missing)
		}
		s.whole(dir, d)
	})
}

// isClear tells whether the line about an error names the file and the way out.
func isClear(said string) bool {
	_, line, _ := strings.Cut(said, " ERROR ")
	names := strings.Contains(line, "fleet.db") || strings.Contains(line, "alerts.jsonl")
	return names && (strings.Contains(line, "make room") || strings.Contains(line, "`df`"))
}

// syncedAgain returns the sync that was tried on a file after one had failed,
// without a write to it or a cut in between: the kernel has dropped what it could
// not write, and says that all is well the second time. SQLite cuts a new database
// back to nothing, and syncs that.
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

// exportedNowhere returns the alerts that count as exported and do not stand in
// the file, nor in the rotated one.
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
