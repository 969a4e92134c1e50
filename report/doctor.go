package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/cis490/fleet-health/store/visible"
)

// States of a check. Only a problem needs a repair at once.
const (
	CheckOK      = "ok"
	CheckWarning = "warning"
	CheckProblem = "problem"
	CheckUnknown = "unknown" // the check could not be made
)

// Check is the result of a check of one part of an installation.
type Check struct {
	Name  string
	State string // CheckOK, CheckWarning, CheckProblem or CheckUnknown
	Seen  string
	Do    string // the command to type; "" for none
}

var checkColumns = []column[Check]{
	{key: "check", head: "check", of: func(c Check) value { return c.Name }},
	{key: "state", head: "state", of: func(c Check) value { return state(c.State) }},
	{key: "seen", head: "seen", cut: 20, of: func(c Check) value { return c.Seen }},
	{key: "do", of: func(c Check) value { return c.Do }},
}

// Checks writes the checks in their order. For people, a list of commands stands below
// the table. It returns the number of problems.
func Checks(out io.Writer, s Style, checks []Check) (problems int, err error) {
	for _, c := range checks {
		if c.State == CheckProblem {
			problems++
		}
	}
	return problems, render(out, s, document{table: tableOfAll(checkColumns, checks), below: func(page) (string, error) {
		var do strings.Builder
		for _, c := range checks {
			if c.Do != "" && do.Len() == 0 {
				do.WriteString("\nWhat to do:\n")
			}
			if c.Do != "" {
				fmt.Fprintf(&do, "  %s: %s\n", c.Name, visible.Escape(c.Do))
			}
		}
		return do.String(), nil
	}})
}
