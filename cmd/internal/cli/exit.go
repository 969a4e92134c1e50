package cli

import (
	"errors"

	"github.com/cis490/fleet-health/cmd/internal/notify"
	"github.com/cis490/fleet-health/ingest"
	"github.com/cis490/fleet-health/report"
	"github.com/cis490/fleet-health/store"
	"github.com/cis490/fleet-health/store/sandbox"
)

// Exit codes.
const (
	ExitOK     = 0
	ExitFailed = 1
	ExitUsage  = 2
)

const exitHelp = `
Exit codes:
  0  success; a pass that finds a host in trouble is a success
  1  failure: the disk is full, the database is locked or corrupt, a write failed
  2  bad flags, or an input that cannot be read; a pass does the rest of its work
`

// errUsage means that the command line is wrong.
var errUsage = errors.New("bad usage")

// Errors that are already logged. They only set the exit code.
var (
	errUnread = errors.New("a source could not be read") // exit 2
	errSaid   = errors.New("something is wrong")         // exit 1
)

// exitCode returns the exit code that an error means.
func exitCode(err error) int {
	switch {
	case err == nil:
		return ExitOK
	case errors.Is(err, errUnread), isUsage(err):
		return ExitUsage
	}
	return ExitFailed
}

// isUsage reports whether an error is about the command line, or about a file that it
// names.
func isUsage(err error) bool {
	for _, fault := range []error{errUsage, errNoPass, store.ErrNewer, store.ErrPath, store.ErrTarget, sandbox.ErrQuery, ingest.ErrUnread,
		report.ErrAlertsPath, report.ErrUnknownHost, report.ErrUnknownIncident, report.ErrPruned, report.ErrBuckets, notify.ErrConfig} {
		if errors.Is(err, fault) {
			return true
		}
	}
	return false
}

// usageError makes an error of cobra's an errUsage, with the same text.
type usageError struct{ error }

func (u usageError) Unwrap() []error { return []error{u.error, errUsage} }
