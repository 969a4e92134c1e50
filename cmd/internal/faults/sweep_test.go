package faults

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"github.com/cis490/fleet-health/cmd/internal/cli"
	"github.com/cis490/fleet-health/cmd/internal/fleettest"
)

// mutating are the system calls that change a file or sync it.
const mutating = "pwrite64,pwritev,pwritev2,write,writev,sendfile,copy_file_range,fallocate,fsync,fdatasync,sync_file_range,sync,syncfs," +
	"truncate,ftruncate,open,openat,openat2,creat,link,linkat,symlink,symlinkat,unlink,unlinkat,rmdir,rename,renameat,renameat2,mkdir,mkdirat"

// point is a point at which a pass can be disturbed: its nth system call of a kind on a
// path, which is relative to the scene.
type point struct {
	call, path string
	nth        int
	write      string // its descriptor and offset, if no write before it has the same two
}

func (p point) String() string { return fmt.Sprintf("%s of %s, number %d", p.call, p.path, p.nth) }

// disturbance is a fault at a point, in the form that strace injects. A + at its end means
// that every later call of that kind on that file fails, too.
type disturbance struct {
	point
	fault string
}

const kill = "signal=KILL"

func (d disturbance) String() string { return d.fault + " at " + d.point.String() }

// traced matches a line of strace: the call, then the file of its descriptor, or of its
// first or second argument.
var traced = regexp.MustCompile(`^\d+ +(\w+)\((?:\d+<([^>]+)>|(?:AT_FDCWD<[^>]*>, )?"([^"]+)")(.*)`)

// writes matches a line of strace about a write at an offset.
var writes = regexp.MustCompile(`^\d+ +pwrite64\((\d+)<.*, \d+, (\d+)(?:\) += | <unfinished)`)

// pointsOf returns the points of a pass in dir, in order, from its trace.
func pointsOf(trace []byte, dir string) (points []point) {
	seen, written := map[point]int{}, map[string]bool{}
	for line := range strings.Lines(string(trace)) {
		m := traced.FindStringSubmatch(line)
		if m == nil || strings.HasPrefix(m[1], "open") && !strings.Contains(m[4], "O_CREAT") {
			continue
		}
		write := ""
		if w := writes.FindStringSubmatch(line); w != nil && !written[w[1]+" "+w[2]] {
			write = w[1] + " " + w[2]
			written[write] = true
		}
		path, err := filepath.Rel(dir, m[2]+m[3])
		if err != nil || strings.HasPrefix(path, "..") {
			continue
		}
		p := point{call: m[1], path: path}
		seen[p]++
		points = append(points, point{p.call, p.path, seen[p], write})
	}
	return points
}

// points returns every point of an undisturbed pass.
func (s *scene) points() []point {
	s.t.Helper()
	dir := s.copied()
	defer os.RemoveAll(dir)
	trace, code, said := fleettest.UnderStrace(s.t, dir+".strace", s.args(dir), "-e", "trace="+mutating)
	if code != cli.ExitOK {
		s.t.Fatalf("exit %d\n%s", code, said)
	}
	points := pointsOf(trace, dir)
	s.t.Logf("%s: %d points", s.name, len(points))
	if len(points) < s.atLeast {
		s.t.Errorf("a pass has %d points, and not the %d that it should", len(points), s.atLeast)
	}
	return points
}

// disturbed runs the pass in dir and injects a fault. The test fails if the pass does not
// reach the fault.
func (s *scene) disturbed(dir string, d disturbance) (trace []byte, code int, said string) {
	s.t.Helper()
	if d.fault == kill {
		s.killed(dir, d)
		return nil, -1, ""
	}
	fault, onwards := strings.CutSuffix(d.fault, "+")
	inject := fmt.Sprintf("inject=%s:%s:when=%d", d.call, fault, d.nth)
	if onwards {
		inject += "+"
	}
	trace, code, said = fleettest.UnderStrace(s.t, dir+".strace", s.args(dir), "--seccomp-bpf", "-e", "trace="+mutating, "-P", filepath.Join(dir, d.path), "-e", inject)
	if !bytes.Contains(trace, []byte("(INJECTED)")) {
		s.t.Errorf("%v was never reached: exit %d\n%s", d, code, said)
	}
	return trace, code, said
}

// killed runs the pass in dir and kills it before a system call. strace only delays the
// call, because its own kill does not work with --seccomp-bpf, which is three times as
// fast.
func (s *scene) killed(dir string, d disturbance) {
	s.t.Helper()
	if d.write != "" {
		if s.killedAt(dir, d.point) {
			return
		}
		// The kernel does not support this, or the pass opened its files in another order.
		if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o750)); err != nil {
			s.t.Fatal(err)
		}
		s.fill(dir)
	}
	trace, w, err := os.Pipe()
	if err != nil {
		s.t.Fatal(err)
	}
	defer trace.Close()
	cmd, stderr := fleettest.Straced("/dev/fd/3", s.args(dir), "--seccomp-bpf", "-e", "trace="+d.call, "-P", filepath.Join(dir, d.path),
		"-e", fmt.Sprintf("inject=%s:delay_enter=60s:when=%d", d.call, d.nth))
	cmd.ExtraFiles = []*os.File{w}
	err = cmd.Start()
	w.Close()
	if err != nil {
		s.t.Fatal(err)
	}
	// A line starts with the process, and ends when the call does.
	reached := false
	for calls, n := bufio.NewReader(trace), 1; ; n++ {
		begun, err := calls.ReadString('(')
		if err != nil {
			break
		}
		if n == d.nth {
			pid, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(begun, d.call+"(")))
			if reached = err == nil && syscall.Kill(pid, syscall.SIGKILL) == nil; !reached {
				s.t.Errorf("strace says %q", begun)
			}
			cmd.Process.Kill() // strace would also delay the end of the pass
			break
		}
		if _, err := calls.ReadString('\n'); err != nil {
			break
		}
	}
	if cmd.Wait(); !reached { // waits for the pass, which holds stderr
		s.t.Errorf("%v was never reached: exit %d\n%s", d, cmd.ProcessState.ExitCode(), stderr)
	}
}

// chosen returns the disturbances that a sweep tries. The nightly run tries every fault at
// each point, or the faults in turn if the pass is slow. The short run tries n points,
// spread over the pass, or a quarter of them if it is slow.
func chosen(points []point, faults []string, n int, slow bool) (all []disturbance) {
	each := len(faults)
	if slow {
		n /= 4
	}
	if slow || !fleettest.Nightly() {
		each = 1
	}
	if !fleettest.Nightly() {
		points = spread(points, n)
	}
	for i, p := range points {
		for j := range each {
			all = append(all, disturbance{p, faults[(i+j)%len(faults)]})
		}
	}
	return all
}

// spread returns n of the points, or all if there are fewer.
func spread(points []point, n int) (some []point) {
	n = min(n, len(points))
	for i := range n {
		some = append(some, points[i*len(points)/n])
	}
	return some
}
