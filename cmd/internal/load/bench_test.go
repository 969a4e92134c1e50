// Package load proves that time, memory and writes stay small with any amount of input, any
// number of hosts, and other users of the database. Its benchmarks print the figures.
// FLEET_HEALTH_SWEEP=all is the full load.
//
//	go test ./cmd/internal/load
//	go test ./cmd/internal/load -run '^$' -bench . -benchtime 1x
package load

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cis490/fleet-health/cmd/internal/fleettest"
)

// The benchmarks run whole processes: the pass and its rival, in turn. They report ratios,
// because absolute times depend on the machine.

const rounds = 7 // runs of each process; the quickest counts

// bed is a directory with a fleet's files, and the programs that read them.
type bed struct {
	b            testing.TB
	dir, program string
	now          time.Time
	index        string
	journalctl   string
	entries      int // in the journal so far
	random       *rand.Rand
}

func newBed(b testing.TB) *bed {
	b.Helper()
	fleettest.Need(b, fleettest.JournalRemote)
	journalctl, err := exec.LookPath("journalctl")
	if err != nil {
		b.Fatal(err)
	}
	dir := b.TempDir()
	t := &bed{b: b, dir: dir, program: filepath.Join(dir, "cis490-fleet-health"), journalctl: journalctl,
		now: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC), index: filepath.Join(dir, "index.jsonl"), random: rand.New(rand.NewPCG(1, 1))}
	build := exec.Command("go", "build", "-o", t.program, "../../cis490-fleet-health")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("build: %v\n%s", err, out)
	}
	t.check(os.MkdirAll(t.journal(), 0o755))
	t.check(os.MkdirAll(filepath.Join(dir, "bin"), 0o755))
	wrapper := fmt.Sprintf("#!/bin/sh\nexec %s -D %s \"$@\"\n", journalctl, t.journal())
	t.check(os.WriteFile(filepath.Join(dir, "bin", "journalctl"), []byte(wrapper), 0o755))
	return t
}

func (t *bed) journal() string { return filepath.Join(t.dir, "journal") }

func (t *bed) check(err error) {
	t.b.Helper()
	if err != nil {
		t.b.Fatal(err)
	}
}

// appendIndex appends rows of hosts that ship in turn, over a span that ends at end.
func (t *bed) appendIndex(path string, rows, hosts int, end time.Time, span time.Duration) {
	t.b.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	t.check(err)
	w := bufio.NewWriterSize(f, 1<<20)
	for i := range rows {
		at := end.Add(-span + time.Duration(i+1)*(span/time.Duration(rows)))
		fmt.Fprintf(w, `{"host_id": "lab-%04d", "episode_id": "ep-%016x", "received_at_wall": "%s", "code_commit": "%040x", "sha256": "%016x%016x%016x%016x", "size_bytes": %d, "path": "/v/%012x"}`+"\n",
			t.random.IntN(hosts), t.random.Uint64(), at.Format("2006-01-02T15:04:05.000000-07:00"), 4711, t.random.Uint64(), t.random.Uint64(),
			t.random.Uint64(), t.random.Uint64(), t.random.IntN(100_000_000), t.random.Uint64()>>16)
	}
	t.check(w.Flush())
	t.check(f.Close())
}

// appendJournal appends access lines to the journal, over a span that ends at end.
func (t *bed) appendJournal(entries, hosts int, end time.Time, span time.Duration) {
	t.b.Helper()
	remote := exec.Command(fleettest.JournalRemote, "-o", filepath.Join(t.journal(), "receiver.journal"), "-")
	in, err := remote.StdinPipe()
	t.check(err)
	t.check(remote.Start())
	w := bufio.NewWriterSize(in, 1<<20)
	for i := range entries {
		t.entries++
		host := t.random.IntN(hosts)
		at := end.Add(-span + time.Duration(i+1)*(span/time.Duration(entries)))
		fmt.Fprintf(w, "__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=%d\n_BOOT_ID=%032x\n_MACHINE_ID=%032x\n", at.UnixMicro(), t.entries, 5, 6)
		fmt.Fprintf(w, "_SYSTEMD_UNIT=cis490-receiver.service\nPRIORITY=6\n_PID=77\n_COMM=uvicorn\nSYSLOG_IDENTIFIER=uvicorn\n"+
			"MESSAGE=INFO:     10.0.%d.%d:50000 - \"PUT /v1/episodes/lab-%04d/ep-%016x.tar.zst HTTP/1.1\" 200 OK\n\n",
			host/256, host%256, host, t.random.Uint64())
	}
	t.check(w.Flush())
	t.check(in.Close())
	t.check(remote.Wait())
}

// used has the resources that a process used.
type used struct {
	wall    time.Duration
	written int64 // bytes that the process and its children wrote to the disk
}

func (t *bed) run(name string, args ...string) used {
	t.b.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "PATH="+filepath.Join(t.dir, "bin")+":"+os.Getenv("PATH"))
	cmd.Stdout = io.Discard
	var stderr strings.Builder
	cmd.Stderr = &stderr
	begin := time.Now()
	if err := cmd.Run(); err != nil {
		t.b.Fatalf("%s: %v\n%s", name, err, &stderr)
	}
	return used{time.Since(begin), cmd.ProcessState.SysUsage().(*syscall.Rusage).Oublock * 512}
}

func (t *bed) passArgs(db, index string, journal bool) []string {
	args := []string{"pass", "--db", db, "--index-path", index, "--alerts-path", db + ".alerts", "--log-level", "error",
		"--now", t.now.Format(time.RFC3339)}
	if !journal {
		args = append(args, "--journal", "none")
	}
	return args
}

func (t *bed) pass(db, index string, journal bool) used {
	t.b.Helper()
	return t.run(t.program, t.passArgs(db, index, journal)...)
}

func (t *bed) predecessor(index string) used {
	t.b.Helper()
	return t.run("/usr/bin/python3", predecessorPath(t.b), "--index-path", index, "--alerts-path", filepath.Join(t.dir, "old.jsonl"), "--log-level", "CRITICAL")
}

// peak returns the peak memory of the pass in MiB, without journalctl.
func (t *bed) peak(db, index string, journal bool) float64 {
	t.b.Helper()
	return t.peakOf(t.passArgs(db, index, journal)...)
}

// peakOf returns the peak memory of the program in MiB. It polls the kernel's figure until
// the process ends.
func (t *bed) peakOf(args ...string) float64 {
	t.b.Helper()
	cmd := exec.Command(t.program, args...)
	cmd.Env = append(os.Environ(), "PATH="+filepath.Join(t.dir, "bin")+":"+os.Getenv("PATH"))
	t.check(cmd.Start())
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	peak := 0.0
	// Without a pause, polling would take one of two cores from the process.
	for tick := time.Tick(time.Millisecond); ; {
		peak = max(peak, float64(fleettest.HighWater(fmt.Sprint(cmd.Process.Pid)))/1024)
		select {
		case err := <-done:
			t.check(err)
			return peak
		case <-tick:
		}
	}
}

// quickest runs processes in turn, so that all meet the same noise. It returns the shortest
// wall time of each in seconds.
func quickest(runs ...func() used) []float64 {
	best := make([]float64, len(runs))
	for round := range rounds {
		for i, run := range runs {
			if wall := run().wall.Seconds(); round == 0 || wall < best[i] {
				best[i] = wall
			}
		}
	}
	return best
}

func remove(db string) {
	for _, suffix := range []string{"", "-wal", "-shm", ".lock", ".alerts"} {
		os.Remove(db + suffix)
	}
}

// predecessorPath returns the path of the predecessor beside a checkout.
func predecessorPath(b testing.TB) string {
	b.Helper()
	path, err := filepath.Abs("../../../../shared/reference/check_fleet_health.py")
	if err != nil {
		b.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		b.Skip("the predecessor is not beside this checkout")
	}
	return path
}

// BenchmarkFirstPass stores 1,000,000 index rows of 50 hosts and 30 days. The predecessor
// scans the same file.
func BenchmarkFirstPass(b *testing.B) {
	predecessorPath(b)
	t := newBed(b)
	const rows = 1_000_000
	t.appendIndex(t.index, rows, 50, t.now, 30*24*time.Hour)
	db := filepath.Join(t.dir, "fleet.db")
	for b.Loop() {
		best := quickest(func() used { remove(db); return t.pass(db, t.index, false) }, func() used { return t.predecessor(t.index) })
		b.ReportMetric(best[1]/best[0], "x-predecessor")
		b.ReportMetric(rows/best[0], "rows/s")
		b.ReportMetric(rows/best[1], "predecessor-rows/s")
		remove(db)
		b.ReportMetric(t.peak(db, t.index, false), "peak-MiB")
	}
}

// BenchmarkSteadyPass reads 1,000 new rows and 1,000 new journal entries, over a history of
// 1,000,000 rows and over one of 10,000. The predecessor reads the large index and the same
// journal.
func BenchmarkSteadyPass(b *testing.B) {
	predecessorPath(b)
	t := newBed(b)
	small := filepath.Join(t.dir, "small.jsonl")
	end := t.now.Add(-time.Hour)
	t.appendIndex(t.index, 1_000_000, 50, end, 30*24*time.Hour)
	t.appendIndex(small, 10_000, 50, end, 30*24*time.Hour)
	t.appendJournal(20_000, 50, end, 24*time.Hour)
	large, little := filepath.Join(t.dir, "large.db"), filepath.Join(t.dir, "small.db")
	t.pass(large, t.index, true)
	t.pass(little, small, true)
	grow := func() {
		end = end.Add(5 * time.Minute)
		t.appendIndex(t.index, 1000, 50, end, 5*time.Minute)
		t.appendIndex(small, 1000, 50, end, 5*time.Minute)
		t.appendJournal(1000, 50, end, 5*time.Minute)
	}
	for b.Loop() {
		best := quickest(func() used { grow(); return t.pass(large, t.index, true) },
			func() used { return t.pass(little, small, true) },
			func() used { return t.predecessor(t.index) })
		b.ReportMetric(best[2]/best[0], "x-predecessor")
		b.ReportMetric(best[0]/best[1], "x-small-history")
		b.ReportMetric(1000*best[0], "ms")
		grow()
		b.ReportMetric(t.peak(large, t.index, true), "peak-MiB")
	}
}

// BenchmarkJournalBackfill stores 300,000 journal entries. journalctl alone prints the same
// fields and discards them.
func BenchmarkJournalBackfill(b *testing.B) {
	t := newBed(b)
	t.check(os.WriteFile(t.index, nil, 0o644))
	t.appendJournal(300_000, 50, t.now, 24*time.Hour)
	db := filepath.Join(t.dir, "fleet.db")
	for b.Loop() {
		best := quickest(func() used { remove(db); return t.pass(db, t.index, true) }, func() used {
			return t.run(t.journalctl, "-D", t.journal(), "--unit=cis490-receiver", "--output=export", "--all", "--no-pager", "--quiet",
				"--output-fields=MESSAGE,MESSAGE_ID,N_DROPPED,PRIORITY,_PID,_STREAM_ID,_LINE_BREAK,_SYSTEMD_UNIT,OBJECT_SYSTEMD_UNIT")
		})
		b.ReportMetric(best[0]/best[1], "x-journalctl")
		b.ReportMetric(300_000/best[0], "entries/s")
		remove(db)
		b.ReportMetric(t.peak(db, t.index, true), "peak-MiB")
	}
}

// BenchmarkWrites measures the bytes that a pass with 1,000 new rows from 1,000 hosts writes
// to the disk: the database, its log and the alerts.
func BenchmarkWrites(b *testing.B) {
	t := newBed(b)
	end := t.now.Add(-2 * time.Hour)
	t.appendIndex(t.index, 1_000_000, 1000, end, 30*24*time.Hour)
	db := filepath.Join(t.dir, "fleet.db")
	t.pass(db, t.index, false)
	for b.Loop() {
		most := int64(0)
		for range 12 {
			end = end.Add(5 * time.Minute)
			t.appendIndex(t.index, 1000, 1000, end, 5*time.Minute)
			most = max(most, t.pass(db, t.index, false).written)
		}
		b.ReportMetric(float64(most)/1024, "KiB-written")
	}
}
