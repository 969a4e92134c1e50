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
	stateFailing    = state("failing") // it has an open symptom other than a silence
	stateSilent     = state("silent")
	stateLost       = state("lost")       // silent for longer than the lookback
	stateRecovering = state("recovering") // its incident is open, but its trouble is no longer found
	stateUnknown    = state("unknown")    // no trouble is found, but a source was blind since its last ship, or a detector is late
	stateGone       = state("gone")       // silent for longer than the lookback, and nothing expects it
	stateNever      = state("never")      // it has never shipped
	stateAffected   = state("affected")   // by a trouble of its receiver or its group, until it is heard of again; none of its own is found
	stateRetired    = state("retired")
	stateHealthy    = state("healthy")
	stateOpen       = state("open")         // of a cause
	stateAcked      = state("acknowledged") // of a cause
)

// colours are the SGR codes of states.
var colours = map[state]string{stateFailing: "31", stateSilent: "31", stateLost: "31", stateOpen: "31", stateRecovering: "33", stateAcked: "33", stateAffected: "33", stateUnknown: "33",
	CheckProblem: "31", CheckWarning: "33"}

// look is the last run of a detector before the end of a window.
type look struct {
	Symptom string        `db:"symptom"`
	Reach   int64         `db:"reach"`     // how far back the detector looks, in microseconds
	At      sql.NullInt64 `db:"looked_at"` // microseconds; NULL if no pass of that time is left
}

// judged has the facts, at the end of a window, on which the states of all hosts
// depend. Times are in microseconds.
type judged struct {
	silences []string // symptoms of hosts that stopped shipping; all others are failures
	expected int64    // a host that nothing expects is gone if it last shipped before this time; 0 if no detector looks for silence
	before   bool     // no incident was followed yet: alerts have the symptoms, and no host is expected that is not silent
	blindTo  int64    // the last time at which a source was blind; 0 for never
	stale    bool     // a detector has not looked for longer than Stale
	asOf     int64    // the last look; the end of the window if that is not known
}

// judgedAt collects the facts at a time.
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
		j.asOf = max(j.asOf, l.At.Int64)
	}
	if j.asOf == 0 {
		j.asOf = until
	}
	return j
}

// hostFacts are the facts about one host on which its state depends.
type hostFacts struct {
	lastShip         sql.NullInt64 // microseconds; NULL if it never shipped
	open             words         // its open symptoms
	lost, recovering bool          // its incident is
	retired, unnamed bool          // unnamed is one of the program's own names
	affected         bool          // its receiver or its group is in trouble, or was, and nothing was heard of it since
}

// stateOf decides the state of a host.
func stateOf(h hostFacts, j judged) state {
	unknown := j.stale || h.lastShip.Valid && j.blindTo >= h.lastShip.Int64
	switch {
	case h.retired:
		return stateRetired
	case h.recovering && unknown:
		return stateUnknown
	case h.recovering:
		return stateRecovering
	case h.lost:
		return stateLost
	case slices.ContainsFunc(h.open, func(symptom string) bool { return !slices.Contains(j.silences, symptom) }):
		return stateFailing
	case len(h.open) > 0:
		return stateSilent
	case !h.lastShip.Valid:
		return stateNever
	case h.lastShip.Int64 < j.expected && (j.before || h.unnamed):
		return stateGone
	case unknown:
		return stateUnknown
	case h.affected:
		return stateAffected
	}
	return stateHealthy
}

// looksAt returns the last look of each detector up to a time in microseconds.
func looksAt(tx *store.Tx, until int64) (looks []look, err error) {
	err = tx.SelectNamed(&looks, looksSQL, map[string]any{"until": until, "stale": Stale})
	return looks, err
}

// alertsOpenAt returns the symptoms that were open at a time in microseconds, by host, in
// the order of looks. It is for a time before the first incident. If the last look of a
// detector is not known, its alerts count if they were found again at most Stale before
// that time.
func alertsOpenAt(tx *store.Tx, until int64, looks []look) (open map[string]words, err error) {
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
			if !slices.Contains(open[host], l.Symptom) { // a host has one alert per hour
				open[host] = append(open[host], l.Symptom)
			}
		}
	}
	return open, nil
}
