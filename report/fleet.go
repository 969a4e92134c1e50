package report

import (
	"database/sql"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/cis490/fleet-health/store"
)

// The queries of the fleet, each of one kind of fact.
var (
	//go:embed fleethosts.sql
	fleetHostsSQL string
	//go:embed lastships.sql
	lastShipsSQL string
	//go:embed fleetshiphours.sql
	fleetShipHoursSQL string
	//go:embed fleetships.sql
	fleetShipsSQL string
	//go:embed fleetputs.sql
	fleetPutsSQL string
	//go:embed fleetunstamped.sql
	fleetUnstampedSQL string
)

// fleetHost is one host of the fleet, and what a window holds of it.
type fleetHost struct {
	ID           int64         `db:"id"`
	Name         string        `db:"name"`
	LastShip     sql.NullInt64 `db:"last_ship_at"`  // microseconds
	ShippedSince bool          `db:"shipped_since"` // after the window: LastShip is to be looked for

	state     state
	age       value // seconds since LastShip; nil without one
	open      words // symptoms
	ships     int64
	overTime  spark
	statuses  counts // PUTs
	unstamped int64
	uncounted bool // no PUT was understood in a part of the window
}

// order sorts hosts: those with symptoms, then those of which nobody knows.
func (h *fleetHost) order() int {
	switch {
	case len(h.open) > 0:
		return 0
	case h.state == stateUnknown:
		return 1
	}
	return 2
}

var fleetColumns = []column[*fleetHost]{
	{key: "host", head: "host", cut: 12, of: func(h *fleetHost) value { return h.Name }},
	{key: "state", head: "state", of: func(h *fleetHost) value { return h.state }},
	{key: "last_ship_at", head: "last ship", drop: 1, of: func(h *fleetHost) value { return timeOf(h.LastShip) }},
	{key: "silent_seconds", head: "age", right: true, of: func(h *fleetHost) value { return h.age }},
	{key: "ships", head: "ships", right: true, drop: 5, of: func(h *fleetHost) value { return h.ships }},
	{key: "puts_2xx", head: "2xx", right: true, drop: 4, of: func(h *fleetHost) value { return known(h.statuses.class(2), h.noPuts()) }},
	{key: "puts_4xx", head: "4xx", right: true, of: func(h *fleetHost) value { return known(h.statuses.class(4), h.noPuts()) }},
	{key: "puts_5xx", head: "5xx", right: true, of: func(h *fleetHost) value { return known(h.statuses.class(5), h.noPuts()) }},
	{key: "unstamped", head: "unstamped", right: true, drop: 3, of: func(h *fleetHost) value { return known(h.unstamped, h.noPuts()) }},
	{key: "main_failure", head: "mostly", right: true, drop: 6, of: func(h *fleetHost) value { return h.statuses.mainFailure() }},
	{key: "ships_over_time", head: "ships over time", drop: 2, of: func(h *fleetHost) value { return h.overTime }},
	{key: "open_symptoms", head: "open symptoms", cut: 10, of: func(h *fleetHost) value { return h.open }},
}

// noPuts reports whether nobody knows if the host has made a PUT.
func (h *fleetHost) noPuts() bool {
	return h.uncounted && h.statuses.class(2)+h.statuses.class(4)+h.statuses.class(5) == 0
}

// Fleet writes a row per host of what a window holds, troubled hosts first. silences
// are the symptoms of hosts that do not ship any more.
func Fleet(tx *store.Tx, out io.Writer, s Style, w Window, silences []string) error {
	blindIn, err := blind(tx, w)
	if err != nil {
		return err
	}
	hosts, err := fleetHosts(tx, w, silences)
	if err != nil {
		return err
	}
	if err := countFleet(tx, hosts, w, blindIn); err != nil {
		return err
	}
	return render(out, s, document{table: tableOfAll(fleetColumns, hosts), above: func() (above, error) {
		return above{blind: blindIn, heading: []string{inTrouble(hosts), "as of " + s.stamp(w.Until),
			fmt.Sprintf("over %s from %s", Age(w.Until-w.Since), s.clock(w.Since))}}, nil
	}})
}

// inTrouble says of how many hosts there is anything to say.
func inTrouble(hosts []*fleetHost) string {
	troubled, unknown, gone := 0, 0, 0
	for _, h := range hosts {
		switch {
		case len(h.open) > 0:
			troubled++
		case h.state == stateUnknown:
			unknown++
		case h.state == stateGone:
			gone++
		}
	}
	return fmt.Sprintf("%d of %d host(s) in trouble, %d unknown, %d gone", troubled, len(hosts), unknown, gone)
}

// fleetHosts returns the hosts that were known at the end of a window, with their last
// ships, symptoms and states, troubled hosts first. None of that depends on where the
// window begins.
func fleetHosts(tx *store.Tx, w Window, silences []string) (hosts []*fleetHost, err error) {
	if err := tx.SelectNamed(&hosts, fleetHostsSQL, map[string]any{"until": w.Until}); err != nil {
		return nil, err
	}
	if err := findLastShips(tx, hosts, w); err != nil {
		return nil, err
	}
	looks, err := looksAt(tx, w.Until)
	if err != nil {
		return nil, err
	}
	open, err := openAt(tx, w.Until, looks)
	if err != nil {
		return nil, err
	}
	blindBefore, err := blind(tx, Window{Until: w.Until})
	if err != nil {
		return nil, err
	}
	blindTo := int64(0)
	for _, b := range blindBefore {
		blindTo = max(blindTo, b.to)
	}
	judged := judgedAt(w.Until, blindTo, looks, silences)
	for _, h := range hosts {
		h.open = open[h.Name]
		h.state = stateOf(h.LastShip, h.open, judged)
		h.age = since(h.LastShip, w.Until)
	}
	slices.SortStableFunc(hosts, func(a, b *fleetHost) int { return a.order() - b.order() })
	return hosts, nil
}

// findLastShips looks for the last ships, before the end of a window, of the hosts that
// have shipped after it.
func findLastShips(tx *store.Tx, hosts []*fleetHost, w Window) error {
	since := map[int64]*fleetHost{}
	for _, h := range hosts {
		if h.ShippedSince {
			h.LastShip = sql.NullInt64{}
			since[h.ID] = h
		}
	}
	if len(since) == 0 {
		return nil
	}
	kept, err := tx.RawSince()
	if err != nil {
		return err
	}
	params := map[string]any{"until": w.Until, "end_hour": (w.Counted(kept).Until + 1) / store.Hour}
	return eachCounted(tx, lastShipsSQL, params, func(c counted) {
		if h := since[c.of]; h != nil {
			// Of an hour that is pruned, the rollup may know a later one.
			h.LastShip = sql.NullInt64{Int64: min(c.n, w.Until), Valid: true}
		}
	})
}

// bars is how many bars the ships of a window are drawn as, at most.
const bars = 24

// barLength is how long one of them is, in microseconds.
func (w Window) barLength() int64 {
	length := max(1, ceil(w.Until-w.Since, bars))
	if w.Until-w.Since >= shortest {
		length = max(length, store.Hour)
	}
	return length
}

// bar is the number of the bar that a time is in.
func (w Window) bar(at int64) int64 { return max(at-w.Since, 0) / w.barLength() }

// middleOf returns the middle of an hour, which decides the bar that it is in.
func middleOf(hour int64) int64 { return hour*store.Hour + store.Hour/2 }

// daysOfTwoBars returns those of some days whose hours are not all in one bar, as a
// JSON array.
func (w Window) daysOfTwoBars(from, to int64) string {
	days := []int64{}
	for day := from; day < to; day++ {
		if w.bar(middleOf(day*24)) != w.bar(middleOf(day*24+23)) {
			days = append(days, day)
		}
	}
	text, _ := json.Marshal(days) // integers
	return string(text)
}

// countFleet counts what a window holds of each host.
func countFleet(tx *store.Tx, hosts []*fleetHost, w Window, blindIn []blindness) error {
	kept, err := tx.RawSince()
	if err != nil {
		return err
	}
	params, length := w.params(kept), w.barLength()
	uncounted := putsUnknown(blindIn, w.Since+1, w.Until+1)
	of := map[int64]*fleetHost{}
	for _, h := range hosts {
		h.overTime, h.statuses, h.uncounted = make(spark, ceil(w.Until-w.Since, length)), counts{}, uncounted
		of[h.ID] = h
	}
	params["by_hour"] = w.daysOfTwoBars(params["from_day"].(int64), params["to_day"].(int64))
	ship := func(host, at, n int64) {
		if h := of[host]; h != nil {
			h.ships += n
			h.overTime[min(w.bar(at), int64(len(h.overTime)-1))] += n
		}
	}
	each := func(query string, add func(c counted)) {
		if err == nil {
			err = eachCounted(tx, query, params, add)
		}
	}
	each(fleetShipHoursSQL, func(c counted) { ship(c.of, middleOf(c.kind), c.n) })
	each(fleetShipsSQL, func(c counted) { ship(c.of, c.kind-1, c.n) })
	each(fleetPutsSQL, func(c counted) {
		if h := of[c.of]; h != nil {
			h.statuses[int(c.kind)] += c.n
		}
	})
	each(fleetUnstampedSQL, func(c counted) {
		if h := of[c.of]; h != nil {
			h.unstamped += c.n
		}
	})
	for _, h := range hosts {
		h.overTime.markUnknown(w.Since, length, blindIn)
	}
	return err
}

func timeOf(at sql.NullInt64) value {
	if !at.Valid {
		return nil
	}
	return instant(at.Int64)
}

func since(at sql.NullInt64, now int64) value {
	if !at.Valid {
		return nil
	}
	return seconds(max(now-at.Int64, 0) / store.Second)
}

// markUnknown makes those -1 that a source was blind in, and that have no ships. The
// first begins at from, and each has a length, both in microseconds.
func (s spark) markUnknown(from, length int64, blindIn []blindness) {
	for i, n := range s {
		at := from + int64(i)*length
		if n == 0 && slices.ContainsFunc(blindIn, func(b blindness) bool { return b.overlaps(at, at+length) }) {
			s[i] = -1
		}
	}
}
