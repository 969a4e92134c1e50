package fleettest

import (
	"os"
	"testing"
)

// Need skips a test whose real part is not on this machine, and fails it in CI.
func Need(t testing.TB, path string) {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		Lacks(t, path+" is missing")
	}
}

// Lacks skips a test that this machine cannot run, and fails it in CI.
func Lacks(t testing.TB, why any) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// NeedStrace skips a sweep where there is no strace, and where it would only be
// slower: a child process tells the race detector nothing.
func NeedStrace(t *testing.T) {
	t.Helper()
	if RaceDetector {
		t.Skip("the race detector does not see into the processes that are disturbed")
	}
	Need(t, Strace)
}

// Nightly tells whether the long form of a test is wanted.
func Nightly() bool { return os.Getenv("FLEET_HEALTH_SWEEP") == "all" }

// LongOr is a size in the nightly run, and the one of the ordinary run.
func LongOr(long, short int) int {
	if Nightly() {
		return long
	}
	return short
}
