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
	stateFailing = state("failing") // its PUTs are rejected: fatal-only or unstamped is open
	stateSilent  = state("silent")
	stateUnknown = state("unknown") // no symptom, but a source was blind since its last ship
	stateGone    = state("gone")    // silent for so long that it is not expected any more
	stateNever   = state("never")   // it has never shipped
	stateHealthy = state("healthy")
)

// colours of states, as SGR codes.
var colours = map[state]string{stateFailing: "31", stateSilent: "31", stateUnknown: "33", CheckProblem: "31", CheckWarning: "33"}

// symptomSilent is the symptom of a host that does not ship any more.
const symptomSilent = "silent"

// look is when a detector last looked before the end of a window.
type look struct {
	Symptom string        `db:"symptom"`
	Reach   int64         `db:"reach"`     // how far back, in microseconds
	At      sql.NullInt64 `db:"looked_at"` // microseconds; NULL if that is not known any more
}

// judged is what is known at the end of a window that the states of all hosts depend
// on. Times are in microseconds.
type judged struct {
	expected int64 // a host that has not shipped since then is gone
	blindTo  int64 // when a source was blind last; 0 for never
	stale    bool  // a detector has not looked for longer than Stale
}

// judgedAt returns what is known at a time. Hosts are not gone if nothing looks for
// silence.
func judgedAt(until, blindTo int64, looks []look) judged {
	j := judged{blindTo: blindTo, stale: len(looks) == 0 && until > Stale}
	for _, l := range looks {
		if l.Symptom == symptomSilent {
			j.expected = until - l.Reach
			if l.At.Valid {
				j.expected = l.At.Int64 - l.Reach
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
	case slices.Equal(open, []string{symptomSilent}):
		return stateSilent
	case len(open) > 0:
		return stateFailing
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
