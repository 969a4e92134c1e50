package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cis490/fleet-health/store"
	"github.com/google/go-cmp/cmp"
)

// pinned makes a process write from one thread: strace counts system calls by
// thread, and Go would move the pass from one to another.
const pinned = "FLEET_HEALTH_PINNED"

func init() {
	if os.Getenv(pinned) != "" {
		runtime.LockOSThread()
	}
}

// mutating are the system calls that change a file or say that it is safe.
var mutating = []string{"pwrite64", "write", "fsync", "fdatasync", "ftruncate", "unlink", "unlinkat", "rename", "renameat", "mkdirat", "openat"}

// sweepStep is how many points of a sweep are passed over for each one that is
// tried; the nightly run tries them all.
func sweepStep() int {
	if os.Getenv("FLEET_HEALTH_SWEEP") == "all" {
		return 1
	}
	return 7
}

// scene is a fleet before a pass that is to be disturbed.
type scene struct {
	t    *testing.T
	dir  string // what the pass finds
	now  time.Time
	want string // what an undisturbed pass leaves
}

// scenes are the first pass on a fleet, some of whose rows are so old that they
// are pruned, and a later one that finds new rows, a rotated index and an alert
// whose mark a crash has lost.
func scenes(t *testing.T) map[string]*scene {
	now := demoNow
	first := &scene{t: t, dir: t.TempDir(), now: now}
	var index, journal bytes.Buffer
	for i := range 400 {
		at := now.Add(-time.Duration(400-i)*30*time.Second - 10*time.Minute)
		if i%40 == 7 {
			fmt.Fprintf(&index, "no row %d\n", i)
			fmt.Fprintf(&index, `{"host_id": "lab-0", "received_at_wall": %q}`+"\n", store.FormatTime(at.AddDate(0, 0, -200).UnixMicro()))
		}
		if i%3 != 1 || i < 200 {
			fmt.Fprintf(&index, `{"host_id": "lab-%d", "received_at_wall": %q, "code_commit": "c%d"}`+"\n", i%3, store.FormatTime(at.UnixMicro()), i/200)
		}
		status := 200
		if i%3 == 2 && i > 300 {
			status = 412
		}
		fmt.Fprintf(&journal, "__CURSOR=s=1;i=%x\n__REALTIME_TIMESTAMP=%d\n_SYSTEMD_UNIT=cis490-receiver.service\nMESSAGE=\"PUT /v1/episodes/lab-%d/%d HTTP/1.1\" %d\n\n",
			i, at.UnixMicro(), i%3, i, status)
	}
	first.file("index.jsonl", index.Bytes())
	first.file("journal.export", journal.Bytes())
	first.want = first.undisturbed()

	later := &scene{t: t, dir: t.TempDir(), now: now.Add(time.Hour)}
	copyDir(t, first.dir, later.dir)
	if code, said := first.pass(later.dir); code != exitOK {
		t.Fatalf("exit %d\n%s", code, said)
	}
	later.file("index.jsonl.1", append(index.Bytes(), []byte(`{"host_id": "lab-0", "received_at_wall": "2026-05-01T12:55:00"}`+"\n")...))
	later.file("index.jsonl", []byte(`{"host_id": "lab-9", "received_at_wall": "2026-05-01T12:59:00"}`+"\n"))
	more := "__CURSOR=s=1;i=9999\n__REALTIME_TIMESTAMP=%d\n_SYSTEMD_UNIT=cis490-receiver.service\nMESSAGE=host=lab-2 missing X-Cis490-Code-Commit\n\n"
	for i := range 12 {
		fmt.Fprintf(&journal, strings.Replace(more, "9999", fmt.Sprint(5000+i), 1), later.now.Add(-time.Minute).UnixMicro()+int64(i))
	}
	later.file("journal.export", journal.Bytes())
	later.want = later.undisturbed()
	return map[string]*scene{"first pass": first, "later pass": later}
}

func (s *scene) file(name string, content []byte) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), content, 0o640); err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) args(dir string) []string {
	return []string{"pass", "--db", dir + "/fleet.db", "--index-path", dir + "/index.jsonl", "--alerts-path", dir + "/alerts.jsonl",
		"--journal-export", dir + "/journal.export", "--now", s.now.Format(time.RFC3339), "--log-level", "warning"}
}

func (s *scene) pass(dir string) (code int, said string) {
	var stderr bytes.Buffer
	code = run(s.t.Context(), s.args(dir), testEnv(s.now, &stderr))
	return code, stderr.String()
}

// undisturbed returns what one good pass leaves of a copy of the scene.
func (s *scene) undisturbed() string {
	s.t.Helper()
	dir := s.t.TempDir()
	copyDir(s.t, s.dir, dir)
	if code, said := s.pass(dir); code != exitOK {
		s.t.Fatalf("exit %d\n%s", code, said)
	}
	return left(s.t, dir)
}

// disturbed runs a pass on a copy of the scene under strace, which injects a
// fault at the nth call. It reports whether the call was reached.
func (s *scene) disturbed(call, fault string, nth int) (dir, said string, code int, reached bool) {
	s.t.Helper()
	dir, err := os.MkdirTemp(s.t.TempDir(), "")
	if err != nil {
		s.t.Fatal(err)
	}
	copyDir(s.t, s.dir, dir)
	report := dir + "/strace"
	program := append([]string{"-f", "-qq", "-o", report, "-e", "trace=" + call, "-e", fmt.Sprintf("inject=%s:%s:when=%d", call, fault, nth), "cis490-fleet-health"}, s.args(dir)...)
	cmd := exec.Command("strace", program...)
	cmd.Env = append(os.Environ(), pinned+"=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	cmd.Run()
	trace, err := os.ReadFile(report)
	if err != nil {
		s.t.Fatalf("strace: %v\n%s", err, &stderr)
	}
	os.Remove(report)
	return dir, stderr.String(), cmd.ProcessState.ExitCode(), bytes.Contains(trace, []byte("(INJECTED)")) || bytes.Contains(trace, []byte("killed by SIGKILL"))
}

// left returns what a pass has left in a directory, as its readers see it.
func left(t *testing.T, dir string) string {
	t.Helper()
	alerts, err := os.ReadFile(dir + "/alerts.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.OpenReadOnly(t.Context(), dir+"/fleet.db")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	out := string(alerts)
	err = s.View(t.Context(), func(tx *store.Tx) error {
		for _, query := range []string{
			"SELECT received_at || ' ' || host || ' ' || COALESCE(code_commit, '-') FROM ship_log ORDER BY 1",
			"SELECT at || ' ' || host || ' ' || status FROM put_log ORDER BY 1",
			"SELECT at || ' ' || host || ' ' || reason FROM rejection_log ORDER BY 1",
			"SELECT hour || ' ' || host || ' ' || ships || ' ' || puts_2xx || ' ' || puts_4xx || ' ' || unstamped FROM host_hourly ORDER BY 1",
			"SELECT host || ' ' || COALESCE(last_ship_at, '-') || ' ' || COALESCE(last_put_at, '-') || ' ' || COALESCE(open_symptoms, '-') FROM host_status ORDER BY 1",
			"SELECT detected_at || ' ' || host || ' ' || symptom || ' ' || dedup_key || ' ' || (exported_at IS NOT NULL) FROM alert_log ORDER BY 1",
			"SELECT reason || ' ' || lines FROM quarantine_counts ORDER BY 1",
			"SELECT source || ' ' || reason FROM gap_log ORDER BY 1",
		} {
			var rows []string
			if err := tx.Select(&rows, query); err != nil {
				return err
			}
			out += "--\n" + strings.Join(rows, "\n") + "\n"
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func copyDir(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// sweep disturbs a pass at each call of a kind, and checks what a clean pass
// makes of what is left. It returns how many points it tried.
func (s *scene) sweep(call, fault string, check func(code int, said string)) (tried int) {
	step := sweepStep()
	for nth := 1; ; nth += step {
		dir, said, code, reached := s.disturbed(call, fault, nth)
		if !reached {
			return tried
		}
		tried++
		if check != nil {
			check(code, said)
		}
		if code, said := s.pass(dir); code != exitOK {
			s.t.Errorf("%s %s at call %d: the next pass exits with %d\n%s", call, fault, nth, code, said)
		} else if diff := cmp.Diff(s.want, left(s.t, dir)); diff != "" {
			s.t.Errorf("%s %s at call %d (-undisturbed +disturbed):\n%s", call, fault, nth, diff)
		}
		os.RemoveAll(dir)
	}
}

// TestKilledAnywhereNothingIsLostOrDoubled kills a pass with SIGKILL at its
// mutating system calls, and compares what the next pass leaves with what an
// undisturbed pass does.
func TestKilledAnywhereNothingIsLostOrDoubled(t *testing.T) {
	t.Parallel()
	sweepAll(t, map[string]string{"SIGKILL": "signal=KILL"}, 150, nil)
}

// TestAFailedWriteHeals lets the same calls fail: the pass says so in one line,
// and the next one goes on.
func TestAFailedWriteHeals(t *testing.T) {
	t.Parallel()
	sweepAll(t, map[string]string{"ENOSPC": "error=ENOSPC", "EIO": "error=EIO"}, 300, func(t *testing.T, code int, said string) {
		// Some faults do no harm, like that of a file which is not removed.
		if errors := strings.Count(said, " ERROR "); code != exitOK && code != exitFailed || errors != code {
			t.Errorf("exit %d, and it said:\n%s", code, said)
		}
	})
}

func sweepAll(t *testing.T, faults map[string]string, atLeast int, check func(t *testing.T, code int, said string)) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		strace = "/usr/bin/strace"
	}
	need(t, strace)
	all := scenes(t)
	tried := make(chan int, 1)
	tried <- 0
	t.Cleanup(func() {
		points := <-tried
		t.Logf("%d points", points)
		if points < atLeast/sweepStep() {
			t.Errorf("only %d points were tried", points)
		}
	})
	for _, name := range slices.Sorted(maps.Keys(all)) {
		for _, fault := range slices.Sorted(maps.Keys(faults)) {
			for _, call := range mutating {
				if fault != "SIGKILL" && (call == "openat" || call == "mkdirat" || call == "write") {
					continue // of the runtime too, which gives up: not a write of the pass
				}
				t.Run(name+"/"+fault+"/"+call, func(t *testing.T) {
					t.Parallel()
					s := *all[name]
					s.t = t
					n := s.sweep(call, faults[fault], func(code int, said string) {
						if check != nil {
							check(t, code, said)
						}
					})
					tried <- n + <-tried
				})
			}
		}
	}
}
