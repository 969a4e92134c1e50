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

// mutating are the system calls that change a file or say that it is safe.
const mutating = "pwrite64,pwritev,pwritev2,write,writev,sendfile,copy_file_range,fallocate,fsync,fdatasync,sync_file_range,sync,syncfs," +
	"truncate,ftruncate,open,openat,openat2,creat,link,linkat,symlink,symlinkat,unlink,unlinkat,rmdir,rename,renameat,renameat2,mkdir,mkdirat"

// point is a place in a pass at which it can be disturbed: the nth time that it
// makes a system call on a path, which is relative to the scene.
type point struct {
	call, path string
	nth        int
	write      string // its descriptor and offset, if no write before it has the same two
}

func (p point) String() string { return fmt.Sprintf("%s of %s, number %d", p.call, p.path, p.nth) }

// disturbance is what happens at a point: what strace injects, with a + behind
// it if it does so with every later call of that kind on that file, too.
type disturbance struct {
	point
	fault string
}

const kill = "signal=KILL"

func (d disturbance) String() string { return d.fault + " at " + d.point.String() }

// traced is a line of strace: the call, then the file of its descriptor, or its
// first or second argument.
var traced = regexp.MustCompile(`^\d+ +(\w+)\((?:\d+<([^>]+)>|(?:AT_FDCWD<[^>]*>, )?"([^"]+)")(.*)`)

// writes is a line of strace about a write at an offset.
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

// disturbed runs the pass in dir and injects a fault. A pass that ends without
// it is an error: the point was not tried.
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

// killed runs the pass in dir and kills it before a system call. strace could do
// that by itself, but not with --seccomp-bpf, which is three times as quick: it
// only holds the call up.
func (s *scene) killed(dir string, d disturbance) {
	s.t.Helper()
	if d.write != "" {
		if s.killedAt(dir, d.point) {
			return
		}
		// Where the kernel does not do that, or the pass has opened its files in another order.
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
	// A line begins with the process, and ends when the call does.
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
			cmd.Process.Kill() // which would hold up the end as well
			break
		}
		if _, err := calls.ReadString('\n'); err != nil {
			break
		}
	}
	if cmd.Wait(); !reached { // for the last that holds stderr: the pass
		s.t.Errorf("%v was never reached: exit %d\n%s", d, cmd.ProcessState.ExitCode(), stderr)
	}
}

// chosen are what a sweep tries: in the nightly run each point with every fault,
// or with the faults in turn where the pass is slow, and else n points, spread over
// the pass, or a quarter of that.
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
