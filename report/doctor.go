package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/cis490/fleet-health/store"
)

// States of a check. Only a problem is something to mend at once.
const (
	CheckOK      = "ok"
	CheckWarning = "warning"
	CheckProblem = "problem"
	CheckUnknown = "unknown" // it could not be looked at
)

// Check is what has been found of one part of an installation.
type Check struct {
	Name  string
	State string
	Seen  string
	Do    string // what to type, "" if there is nothing to do
}

var checkColumns = []column{
	{key: "check", head: "check"},
	{key: "state", head: "state"},
	{key: "seen", head: "seen", cut: 20},
	{key: "do"},
}

// Checks writes them in their order, and below them, for people, what is to be
// done. problems is how many there are.
func Checks(out io.Writer, s Style, checks []Check) (problems int, err error) {
	rows := make([][]any, 0, len(checks))
	var do strings.Builder
	for _, c := range checks {
		rows = append(rows, []any{c.Name, state(c.State), c.Seen, c.Do})
		if c.State == CheckProblem {
			problems++
		}
		if c.Do != "" {
			fmt.Fprintf(&do, "  %s: %s\n", c.Name, store.Printable(c.Do))
		}
	}
	if err := list(out, s, checkColumns, rows, nil); err != nil {
		return problems, err
	}
	if s.human() && do.Len() > 0 {
		_, err = io.WriteString(out, "\nWhat to do:\n"+do.String())
	}
	return problems, err
}
