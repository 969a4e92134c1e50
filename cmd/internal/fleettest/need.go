package fleettest

import (
	"os"
	"testing"
)

// Need skips a test if a program is missing, or fails it in CI.
func Need(t testing.TB, path string) {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		Lacks(t, path+" is missing")
	}
}

// Lacks skips a test that this machine cannot run, or fails it in CI.
func Lacks(t testing.TB, why any) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// NeedStrace skips a sweep if there is no strace. It also skips it under the race detector,
// which learns nothing from a child process.
func NeedStrace(t *testing.T) {
	t.Helper()
	if RaceDetector {
		t.Skip("the race detector does not see into the processes that are disturbed")
	}
	Need(t, Strace)
}

// Nightly reports whether tests run in their long form.
func Nightly() bool { return os.Getenv("FLEET_HEALTH_SWEEP") == "all" }

// LongOr returns long in the nightly run, and short in the ordinary run.
func LongOr(long, short int) int {
	if Nightly() {
		return long
	}
	return short
}
