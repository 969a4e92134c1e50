package report

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/cis490/fleet-health/store"
)

// parameter matches a parameter in the SQL of a detector.
var parameter = regexp.MustCompile(`:[a-z][a-z_]*`)

// pasted returns the SQL that found the incident, with the values of its parameters, as
// text for sqlite3. :now is the time at which it was found last.
func (t *story) pasted(tx *store.Tx, queryText func(name string) (string, error)) (string, error) {
	if t.Query == "" {
		return "", nil
	}
	text, err := queryText(t.Query)
	if err != nil {
		return "", err
	}
	var lines strings.Builder
	set := map[string]bool{}
	for _, name := range parameter.FindAllString(text, -1) {
		value, ok, err := tx.Threshold(name[1:])
		if err != nil {
			return "", err
		}
		if set[name] || !ok {
			continue
		}
		set[name] = true
		if name == ":now" {
			value = float64(t.LastFoundAt)
		}
		fmt.Fprintf(&lines, ".parameter set %s %s\n", name, sqlNumber(value))
	}
	return lines.String() + strings.TrimRight(text, "\n;") + ";\n", nil
}

// sqlNumber writes a number as SQLite reads it: an integer, if it is one.
func sqlNumber(f float64) string {
	if f == float64(int64(f)) {
		return fmt.Sprint(int64(f))
	}
	return number(f)
}

// maxEvents limits the events of an incident that people see.
const maxEvents = 20

// lastEvents returns the events that people see: the first, and the last.
func (t *story) lastEvents() []store.IncidentEvent {
	if len(t.events) <= maxEvents {
		return t.events
	}
	return append([]store.IncidentEvent{t.events[0]}, t.events[len(t.events)-maxEvents+1:]...)
}
