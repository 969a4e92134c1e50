package cli

import (
	"errors"

	"github.com/cis490/fleet-health/ingest"
	"github.com/cis490/fleet-health/report"
	"github.com/cis490/fleet-health/store"
)

// Exit codes.
const (
	ExitOK     = 0
	ExitFailed = 1
	ExitUsage  = 2
)

const exitHelp = `
Exit codes:
  0  it worked; finding a fault in the fleet is a pass that worked
  1  it failed: disk full, database locked or corrupt, a write that failed
  2  bad flags, or an input that cannot be read; what else could be done was done
`

// errUsage: the command line is wrong.
var errUsage = errors.New("bad usage")

// What has been said already; only the exit code is left.
var (
	errUnread = errors.New("a source could not be read") // exit 2
	errSaid   = errors.New("something is wrong")         // exit 1
)

// exitCode says an error, once, and turns it into the exit code.
func exitCode(e *Env, err error) int {
	switch {
	case err == nil:
		return ExitOK
	case errors.Is(err, errUnread):
		return ExitUsage
	case errors.Is(err, errSaid):
		return ExitFailed
	}
	newLogger(e, levelInfo).say(levelError, "%s", describe(err))
	if errors.Is(err, store.ErrNewer) || errors.Is(err, store.ErrPath) || errors.Is(err, store.ErrTarget) || errors.Is(err, report.ErrAlertsPath) ||
		errors.Is(err, ingest.ErrUnread) || errors.Is(err, errUsage) || usageOf(err) || !errors.Is(err, errRan) {
		return ExitUsage
	}
	return ExitFailed
}

// errRan marks errors of a command that had begun to work.
var errRan = errors.New("")

// ran makes an error of a command count as its own, not as one of the flags.
func ran(err error) error {
	if err == nil {
		return nil
	}
	return ranError{err}
}

type ranError struct{ error }

func (r ranError) Unwrap() []error { return []error{r.error, errRan} }
