package report

import (
	"database/sql"
	_ "embed"
	"slices"

	"github.com/cis490/fleet-health/store"
)

//go:embed looks.sql
var looksSQL string

//go:embed openalerts.sql
var openAlertsSQL string

// States of a host.
const (
	stateFailing = state("failing") // a symptom is open that is no silence: its PUTs are rejected
	stateSilent  = state("silent")
	stateUnknown = state("unknown") // no symptom, but a source was blind since its last ship
	stateGone    = state("gone")    // silent for so long that it is not expected any more
	stateNever   = state("never")   // it has never shipped
	stateHealthy = state("healthy")
)

// colours of states, as SGR codes.
var colours = map[state]string{stateFailing: "31", stateSilent: "31", stateUnknown: "33", CheckProblem: "31", CheckWarning: "33"}

// look is when a detector last looked before the end of a window.
type look struct {
	Symptom string        `db:"symptom"`
	Reach   int64         `db:"reach"`     // how far back, in microseconds
	At      sql.NullInt64 `db:"looked_at"` // microseconds; NULL if that is not known any more
}

// judged is what is known at the end of a window that the states of all hosts depend
// on. Times are in microseconds.
type judged struct {
	silences []string // symptoms of hosts that do not ship any more; all others are failures
	expected int64    // a host that has not shipped since then is gone; 0 if nothing looks for silence
	blindTo  int64    // when a source was blind last; 0 for never
	stale    bool     // a detector has not looked for longer than Stale
}

// judgedAt returns what is known at a time.
func judgedAt(until, blindTo int64, looks []look, silences []string) judged {
	j := judged{silences: silences, blindTo: blindTo, stale: len(looks) == 0 && until > Stale}
	for _, l := range looks {
		if slices.Contains(silences, l.Symptom) {
			expected := until - l.Reach
			if l.At.Valid {
				expected = l.At.Int64 - l.Reach
			}
			if j.expected == 0 || expected < j.expected {
				j.expected = expected
			}
		}
		j.stale = j.stale || l.At.Int64 < until-Stale
	}
	return j
}

// stateOf decides the state of a host: lastShip is in microseconds, NULL for never,
// and open are its open symptoms.
func stateOf(lastShip sql.NullInt64, open []string, j judged) state {
	switch {
	case slices.ContainsFunc(open, func(symptom string) bool { return !slices.Contains(j.silences, symptom) }):
		return stateFailing
	case len(open) > 0:
		return stateSilent
	case !lastShip.Valid:
		return stateNever
	case lastShip.Int64 < j.expected:
		return stateGone
	case j.blindTo >= lastShip.Int64, j.stale:
		return stateUnknown
	}
	return stateHealthy
}

// looksAt returns when each detector last looked, up to a time in microseconds.
func looksAt(tx *store.Tx, until int64) (looks []look, err error) {
	err = tx.SelectNamed(&looks, looksSQL, map[string]any{"until": until, "stale": Stale})
	return looks, err
}

// openAt returns the symptoms that were open at a time in microseconds, by host and in
// their order. If it is not known when a detector looked, what it found no longer than
// Stale before that time counts.
func openAt(tx *store.Tx, until int64, looks []look) (open map[string]words, err error) {
	open = map[string]words{}
	for _, l := range looks {
		at := until - Stale
		if l.At.Valid {
			at = l.At.Int64
		}
		var hosts []string
		if err := tx.SelectNamed(&hosts, openAlertsSQL, map[string]any{"symptom": l.Symptom, "looked_at": at, "until": until}); err != nil {
			return nil, err
		}
		for _, host := range hosts {
			if !slices.Contains(open[host], l.Symptom) { // an alert is raised every hour
				open[host] = append(open[host], l.Symptom)
			}
		}
	}
	return open, nil
}
