package fleettest

import (
	"bytes"
	"os"
	"os/exec"
	"runtime"
	"testing"
)

// Pinned makes a process write from one thread. strace counts system calls by thread, and Go
// would move the pass between threads.
const Pinned = "FLEET_HEALTH_PINNED"

func init() {
	if os.Getenv(Pinned) != "" {
		runtime.LockOSThread()
	}
}

// Strace is the path of strace in Debian.
const Strace = "/usr/bin/strace"

// UnderStrace runs the program with args under strace, and returns the trace. more are
// arguments of strace. The trace is written to the file report.
func UnderStrace(t *testing.T, report string, args []string, more ...string) (trace []byte, code int, said string) {
	t.Helper()
	defer os.Remove(report)
	cmd, stderr := Straced(report, args, more...)
	cmd.Run()
	trace, err := os.ReadFile(report)
	if err != nil {
		t.Fatalf("strace: %v\n%s", err, stderr)
	}
	return trace, cmd.ProcessState.ExitCode(), stderr.String()
}

// Straced returns a command that runs the program with args under strace, which writes to
// report.
func Straced(report string, args []string, more ...string) (cmd *exec.Cmd, stderr *bytes.Buffer) {
	all := append([]string{"-f", "-qq", "-y", "-o", report, "-e", "signal=none"}, more...)
	all = append(append(all, "cis490-fleet-health"), args...)
	cmd, stderr = exec.Command(Strace, all...), &bytes.Buffer{}
	cmd.Env = append(os.Environ(), Pinned+"=1")
	cmd.Stderr = stderr
	return cmd, stderr
}
