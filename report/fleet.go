package report

import (
	"database/sql"
	_ "embed"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/cis490/fleet-health/store"
)

//go:embed fleet.sql
var fleetSQL string

// States of a host, as fleet.sql names them.
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

// fleetRow is one host of the fleet report.
type fleetRow struct {
	Host         string        `db:"host"`
	State        string        `db:"state"`
	LastShipAt   sql.NullInt64 `db:"last_ship_at"` // microseconds
	Ships        int64         `db:"ships"`
	Slots        string        `db:"slots"` // "slot ships" pairs, with commas between them
	P2xx         int64         `db:"puts_2xx"`
	P4xx         int64         `db:"puts_4xx"`
	P5xx         int64         `db:"puts_5xx"`
	MainFailure  sql.NullInt64 `db:"main_failure"` // HTTP status
	Unstamped    int64         `db:"unstamped"`
	OpenSymptoms string        `db:"open_symptoms"` // with blanks between them
}

var fleetColumns = []column{
	{key: "host", head: "host", cut: 12},
	{key: "state", head: "state"},
	{key: "last_ship_at", head: "last ship", drop: 1},
	{key: "silent_seconds", head: "age", right: true},
	{key: "ships", head: "ships", right: true, drop: 5},
	{key: "puts_2xx", head: "2xx", right: true, drop: 4},
	{key: "puts_4xx", head: "4xx", right: true},
	{key: "puts_5xx", head: "5xx", right: true},
	{key: "unstamped", head: "unstamped", right: true, drop: 3},
	{key: "main_failure", head: "mostly", right: true, drop: 6},
	{key: "ships_over_time", head: "ships over time", drop: 2},
	{key: "open_symptoms", head: "open symptoms", cut: 10},
}

// bars is how many bars the ships of a window are drawn as, at most.
const bars = 24

// Fleet writes a row per host of what a window holds, troubled hosts first.
func Fleet(tx *store.Tx, out io.Writer, s Style, w Window) error {
	kept, err := tx.RawSince()
	if err != nil {
		return err
	}
	blindIn, err := blind(tx, w)
	if err != nil {
		return err
	}
	// A host's state does not depend on where the window begins.
	blindBefore, err := blind(tx, Window{Until: w.Until})
	if err != nil {
		return err
	}
	params := w.params(kept)
	slot := max(1, ceil(w.Until-w.Since, bars))
	if w.Until-w.Since >= shortest {
		slot = max(slot, store.Hour)
	}
	blindTo := int64(0)
	for _, b := range blindBefore {
		blindTo = max(blindTo, b.to)
	}
	params["slot"], params["blind_to"], params["stale"] = slot, blindTo, Stale
	var found []fleetRow
	if err := tx.SelectNamed(&found, fleetSQL, params); err != nil {
		return err
	}
	rows := make([][]any, 0, len(found))
	troubled, states := 0, map[state]int{}
	uncounted := putsUnknown(blindIn, w.Since+1, w.Until+1)
	for _, r := range found {
		if r.OpenSymptoms != "" {
			troubled++
		}
		states[state(r.State)]++
		noPuts := uncounted && r.P2xx+r.P4xx+r.P5xx == 0
		rows = append(rows, []any{r.Host, state(r.State), timeOf(r.LastShipAt), since(r.LastShipAt, w.Until), r.Ships,
			known(r.P2xx, noPuts), known(r.P4xx, noPuts), known(r.P5xx, noPuts), known(r.Unstamped, noPuts), intOf(r.MainFailure), overTime(r.Slots, slot, w, blindIn), words(strings.Fields(r.OpenSymptoms))})
	}
	if s.human() {
		err := heading(out, s, blindIn, fmt.Sprintf("%d of %d host(s) in trouble, %d unknown, %d gone", troubled, len(rows),
			states[stateUnknown], states[stateGone]),
			"as of "+s.stamp(w.Until), fmt.Sprintf("over %s from %s", Age(w.Until-w.Since), s.clock(w.Since)))
		if err != nil {
			return err
		}
	}
	return list(out, s, fleetColumns, rows, nil)
}

func timeOf(at sql.NullInt64) any {
	if !at.Valid {
		return nil
	}
	return instant(at.Int64)
}

func since(at sql.NullInt64, now int64) any {
	if !at.Valid {
		return nil
	}
	return seconds(max(now-at.Int64, 0) / store.Second)
}

func intOf(n sql.NullInt64) any {
	if !n.Valid {
		return nil
	}
	return n.Int64
}

// overTime adds up the ships of each slot of a window. A slot that a source was
// blind in, and that has no ships, is -1.
func overTime(slots string, slot int64, w Window, blindIn []blindness) spark {
	ships := make(spark, ceil(w.Until-w.Since, slot))
	for pair := range strings.SplitSeq(slots, ",") {
		at, n, _ := strings.Cut(pair, " ")
		i, err := strconv.Atoi(at)
		if err != nil {
			continue // no ships, no pairs
		}
		more, _ := strconv.ParseInt(n, 10, 64)
		ships[min(max(i, 0), len(ships)-1)] += more
	}
	for i, n := range ships {
		for _, b := range blindIn {
			if from := w.Since + int64(i)*slot; n == 0 && b.overlaps(from, from+slot) {
				ships[i] = -1
			}
		}
	}
	return ships
}
