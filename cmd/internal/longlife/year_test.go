package longlife

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cis490/fleet-health/cmd/internal/cli"
	"github.com/cis490/fleet-health/cmd/internal/fleettest"
	"golang.org/x/sys/unix"
)

const passesADay = 24 * 12

// TestAYear runs a pass every five minutes for a year. Hosts of the fleet fall silent or get
// only errors for hours, files are rotated, and passes are disturbed in turn. At the end,
// every fact is counted in its hour and every alert exists once. The database is no larger
// than the retention allows. A pass costs as much as at the time when the retention first
// took effect. The ordinary run takes a few days of the fleet's time.
func TestAYear(t *testing.T) {
	t.Parallel()
	fleettest.NeedStrace(t)
	days, retention, faultsADay := 4, 1, 24.0
	if fleettest.Nightly() {
		days, retention, faultsADay = 365, 30, 4
	}
	// The kernel counts the writes of each thread, so those of other tests are not included.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	begun := time.Now()
	l := newLife(t, retention, max(1, days/52))
	steady, wrote := held{}, map[int]samples{}
	first, last := retention+1, days-1 // on the first day that counts, rows have been pruned for half a day
	for day := range days {
		counts := day == first || day == last
		for step := range passesADay {
			calm := counts && step > passesADay-12 // the last passes of the day are not disturbed, so that they finish the work
			l.keep = calm && step == passesADay-1
			l.live(faultsADay/passesADay, calm)
			if counts && l.fault == "" && l.written > 0 {
				wrote[day] = append(wrote[day], l.written)
			}
		}
		if day == first {
			steady = l.held()
		}
	}
	l.countsAreRight()
	l.alertsAreRight()
	l.incidentsAreRight()
	l.oldRowsAreGone()
	end := l.held()
	grown := end.rollups - steady.rollups
	bytesAnHour := float64(grown) / float64(end.hostHours-steady.hostHours)
	if most := steady.file + grown + (end.others - steady.others) + steady.raw/4 + 1<<20; end.file > most || bytesAnHour > 120 {
		t.Errorf("the database has %d bytes and not the %d that the retention allows; %.0f for a host's hour", end.file, most, bytesAnHour)
	}
	written := wrote[last].middle() / wrote[first].middle()
	if n := min(len(wrote[first]), len(wrote[last])); written > 1.5 || n < passesADay/4 {
		t.Errorf("of %d passes that count, one of the last day writes %.2f times as much as one of the first steady day", n, written)
	}
	before, after := l.cpuOfKept()
	if after > 2*before {
		t.Errorf("a pass of the last day takes %.2f times the CPU time of one of the first steady day", after/before)
	}
	t.Logf("a year: %d days, %d passes in %.1f min, %d disturbed (%s), %d ships, %d PUTs, %d alerts, database %.1f MiB (%.1f after the first retention, %.0f bytes a host's hour), "+
		"last day to first steady day: %.2f of the bytes written (%.0f KiB a pass), %.2f of the CPU time (%.1f ms)",
		days, days*passesADay, time.Since(begun).Minutes(), l.disturbed(), l.faults, l.ships, l.puts, len(l.surely), mib(end.file), mib(steady.file), bytesAnHour,
		written, wrote[last].middle()/1024, after/before, after*1000)
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }

// samples are the bytes that the undisturbed passes of a day wrote.
type samples []float64

func (s samples) middle() float64 {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	return sorted[len(sorted)/2]
}

// keepFiles copies the files, as the next pass finds them.
func (l *life) keepFiles() {
	dir := fleettest.MemoryDir(l.t) + "/kept"
	l.check(os.CopyFS(dir, os.DirFS(l.dir)))
	l.kept = append(l.kept, kept{dir, l.now})
}

// cpuOfKept returns the CPU time, in seconds, of the passes before which the two copies were made. They run in
// turn, and the quickest of each counts: what else the machine does changes in a year.
func (l *life) cpuOfKept() (first, last float64) {
	l.fault = ""
	least := [2]float64{math.Inf(1), math.Inf(1)}
	for range 9 {
		for n, k := range l.kept {
			l.dir, l.now = k.dir+"-again", k.now
			l.check(os.CopyFS(l.dir, os.DirFS(k.dir)))
			l.pass()
			least[n] = min(least[n], l.cpu)
			l.check(os.RemoveAll(l.dir))
		}
	}
	return least[0], least[1]
}

// pass runs a pass, disturbed by the current fault, and checks its exit code.
func (l *life) pass() {
	l.t.Helper()
	l.passes++
	l.written = 0
	want, ctx := cli.ExitOK, l.t.Context()
	switch l.fault {
	case passKilled:
		l.killedPass()
		return
	case databaseLocked:
		want = cli.ExitFailed
		defer l.operatorWrites()()
	case indexMissing, dumpTorn:
		want = cli.ExitUsage
	case passCancelled:
		f := newFuse(ctx, 1+l.random.IntN(60))
		ctx = f
		defer func() {
			if f.left.Load() > 0 { // the pass ended first
				l.fault = ""
			}
		}()
	}
	var stderr bytes.Buffer
	e := fleettest.Env(l.now, &stderr)
	e.BusyTimeout = time.Millisecond
	written, cpu := l.thread()
	code := cli.Run(ctx, append(l.passArgs(), "--retention-days", strconv.Itoa(l.retention), "--log-level", "error"), e)
	writtenThen, cpuThen := l.thread()
	l.written, l.cpu = writtenThen-written, cpuThen-cpu
	if said := stderr.String(); code != want || (said != "") != (want != cli.ExitOK) {
		l.t.Fatalf("%s, disturbed by %q: exit %d, want %d\n%s", l.now, l.fault, code, want, said)
	}
}

func (l *life) passArgs() []string {
	return []string{"pass", "--db", l.path("fleet.db"), "--index-path", l.path("index.jsonl"), "--alerts-path", l.path("alerts.jsonl"),
		"--journal-export", l.path("journal.export")}
}

// killedPass kills a pass with SIGKILL at one of its first writes of a file.
func (l *life) killedPass() {
	l.t.Helper()
	path := []string{"fleet.db", "fleet.db-wal", "alerts.jsonl"}[l.random.IntN(3)]
	args := append(l.passArgs(), "--now", l.now.Format(time.RFC3339), "--log-level", "warning")
	_, code, said := fleettest.UnderStrace(l.t, l.dir+".strace", args, "-e", "trace=write,pwrite64", "-P", l.path(path), "-e",
		fmt.Sprintf("inject=write,pwrite64:signal=KILL:when=%d", 1+l.random.IntN(15)))
	switch code {
	case -1:
	case cli.ExitOK: // the pass made fewer writes
		l.fault = ""
	default:
		l.t.Fatalf("%s, to be killed: exit %d\n%s", l.now, code, said)
	}
}

// operatorWrites starts a write transaction on the database, and returns a function that
// ends it.
func (l *life) operatorWrites() (end func()) {
	l.t.Helper()
	db, err := sql.Open("sqlite", l.path("fleet.db"))
	l.check(err)
	db.SetMaxOpenConns(1)
	_, err = db.Exec("BEGIN IMMEDIATE")
	l.check(err)
	return func() {
		_, err := db.Exec("ROLLBACK")
		l.check(errors.Join(err, db.Close()))
	}
}

// fuse is a context that ends after a number of checks. So it ends at the same point of the
// pass in each run of the test.
type fuse struct {
	context.Context
	cancel context.CancelFunc
	left   atomic.Int64
}

func newFuse(ctx context.Context, looks int) *fuse {
	ctx, cancel := context.WithCancel(ctx)
	f := &fuse{Context: ctx, cancel: cancel}
	f.left.Store(int64(looks))
	return f
}

func (f *fuse) Done() <-chan struct{} { f.burn(); return f.Context.Done() }
func (f *fuse) Err() error            { f.burn(); return f.Context.Err() }

func (f *fuse) burn() {
	if f.left.Add(-1) <= 0 {
		f.cancel()
	}
}

// thread returns the bytes that this thread has written to files, on disk or in memory, and
// its CPU time in seconds.
func (l *life) thread() (written, cpu float64) {
	l.t.Helper()
	io, err := os.ReadFile("/proc/thread-self/io")
	l.check(err)
	_, rest, _ := strings.Cut(string(io), "wchar: ")
	line, _, _ := strings.Cut(rest, "\n")
	written, err = strconv.ParseFloat(line, 64)
	l.check(err)
	var used unix.Rusage
	l.check(unix.Getrusage(unix.RUSAGE_THREAD, &used))
	return written, float64(used.Utime.Nano()+used.Stime.Nano()) / 1e9
}

func (l *life) path(name string) string { return filepath.Join(l.dir, name) }

func (l *life) check(err error) {
	if err != nil {
		l.t.Helper()
		l.t.Fatal(err)
	}
}
