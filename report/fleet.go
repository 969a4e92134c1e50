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

// The queries of the fleet's report. Each returns one kind of fact.
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

// fleetHost is a host, and the counts of its facts in a window.
type fleetHost struct {
	ID           int64         `db:"id"`
	Name         string        `db:"name"`
	LastShip     sql.NullInt64 `db:"last_ship_at"`  // microseconds
	ShippedSince bool          `db:"shipped_since"` // LastShip is after the window; findLastShips replaces it
	RetiredAt    sql.NullInt64 `db:"retired_at"`    // microseconds; NULL if it was not retired in the window

	state     state
	age       value // seconds since LastShip; nil if it never shipped
	open      words // symptoms
	ships     int64
	overTime  spark
	statuses  counts // PUTs
	unstamped int64
	uncounted bool // PUTs were not understood in a part of the window
}

// order returns the place of a host: hosts with symptoms first, then unknown ones.
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

// noPuts reports whether the PUTs of the host are unknown.
func (h *fleetHost) noPuts() bool {
	return h.uncounted && h.statuses.class(2)+h.statuses.class(4)+h.statuses.class(5) == 0
}

// Fleet writes a row per host with the counts of a window, troubled hosts first. Without
// all, it leaves out retired hosts, but for those that ship again. silences are the symptoms
// of hosts that stopped shipping.
func Fleet(tx *store.Tx, out io.Writer, s Style, w Window, all bool, silences []string) error {
	blindIn, err := blind(tx, w)
	if err != nil {
		return err
	}
	hosts, err := fleetHosts(tx, w, silences)
	if err != nil {
		return err
	}
	retired := 0
	if !all {
		known := len(hosts)
		hosts = slices.DeleteFunc(hosts, (*fleetHost).leftOut)
		retired = known - len(hosts)
	}
	if err := countFleet(tx, hosts, w, blindIn); err != nil {
		return err
	}
	return render(out, s, document{table: tableOfAll(fleetColumns, hosts), above: func() (above, error) {
		return above{blind: blindIn, heading: []string{inTrouble(hosts) + notShown(retired), "as of " + s.stamp(w.Until),
			fmt.Sprintf("over %s from %s", Age(w.Until-w.Since), s.clock(w.Since))}}, nil
	}})
}

// inTrouble returns the heading's count of hosts that need attention.
func inTrouble(hosts []*fleetHost) string {
	troubled, unknown, gone := 0, 0, 0
	for _, h := range hosts {
		switch {
		case h.state == stateRetired: // what was open ends with the next pass
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

// leftOut reports whether the host was retired in the window, and has not shipped since.
func (h *fleetHost) leftOut() bool {
	return h.RetiredAt.Valid && (!h.LastShip.Valid || h.LastShip.Int64 <= h.RetiredAt.Int64)
}

// notShown returns the end of the heading's count if hosts are left out.
func notShown(retired int) string {
	if retired == 0 {
		return ""
	}
	return fmt.Sprintf(" (and %d retired, see --all)", retired)
}

// fleetHosts returns the hosts that were known at the end of a window, troubled hosts
// first. Their last ships, symptoms and states do not depend on the start of the window.
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
		if h.RetiredAt.Valid {
			h.state = stateRetired
		}
		h.age = since(h.LastShip, w.Until)
	}
	slices.SortStableFunc(hosts, func(a, b *fleetHost) int { return a.order() - b.order() })
	return hosts, nil
}

// findLastShips finds the last ship before the end of a window, for each host that has
// shipped after the window.
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
	horizon, err := tx.RawSince()
	if err != nil {
		return err
	}
	params := map[string]any{"until": w.Until, "end_hour": (w.Counted(horizon).Until + 1) / store.Hour}
	return eachCount(tx, lastShipsSQL, params, func(c factCount) {
		if h := since[c.of]; h != nil {
			// In a pruned hour, the rollup's last ship may be after the window.
			h.LastShip = sql.NullInt64{Int64: min(c.n, w.Until), Valid: true}
		}
	})
}

// maxBars limits the bars that show the ships of a window over time.
const maxBars = 24

// bars cut a window into parts of one length.
type bars struct{ from, length, n int64 } // from and length are in microseconds

// bars returns the bars of a window. A bar of a window that reads rollups is at least an
// hour long.
func (w Window) bars() bars {
	length := max(1, ceil(w.Until-w.Since, maxBars))
	if w.Until-w.Since >= shortest {
		length = max(length, store.Hour)
	}
	return bars{w.Since, length, ceil(w.Until-w.Since, length)}
}

// of returns the index of the bar that holds a time.
func (b bars) of(at int64) int64 { return min(max(at-b.from, 0)/b.length, b.n-1) }

// middleOf returns the middle of an hour, which decides its bar.
func middleOf(hour int64) int64 { return hour*store.Hour + store.Hour/2 }

// cutDays returns the days, from one up to but not including another, whose hours are
// not all in one bar. The result is a JSON array.
func (b bars) cutDays(from, to int64) string {
	days := []int64{}
	for day := from; day < to; day++ {
		if b.of(middleOf(day*24)) != b.of(middleOf(day*24+23)) {
			days = append(days, day)
		}
	}
	text, _ := json.Marshal(days) // integers cannot fail
	return string(text)
}

// countFleet adds the counts of a window to the hosts.
func countFleet(tx *store.Tx, hosts []*fleetHost, w Window, blindIn []blindness) error {
	horizon, err := tx.RawSince()
	if err != nil {
		return err
	}
	params, bars := w.params(horizon), w.bars()
	uncounted := putsUnknown(blindIn, w.Since+1, w.Until+1)
	of := map[int64]*fleetHost{}
	for _, h := range hosts {
		h.overTime, h.statuses, h.uncounted = make(spark, bars.n), counts{}, uncounted
		of[h.ID] = h
	}
	params["by_hour"] = bars.cutDays(params["from_day"].(int64), params["to_day"].(int64))
	ship := func(host, at, n int64) {
		if h := of[host]; h != nil {
			h.ships += n
			h.overTime[bars.of(at)] += n
		}
	}
	each := func(query string, add func(c factCount)) {
		if err == nil {
			err = eachCount(tx, query, params, add)
		}
	}
	each(fleetShipHoursSQL, func(c factCount) { ship(c.of, middleOf(c.kind), c.n) })
	each(fleetShipsSQL, func(c factCount) { ship(c.of, c.kind-1, c.n) })
	each(fleetPutsSQL, func(c factCount) {
		if h := of[c.of]; h != nil {
			h.statuses[int(c.kind)] += c.n
		}
	})
	each(fleetUnstampedSQL, func(c factCount) {
		if h := of[c.of]; h != nil {
			h.unstamped += c.n
		}
	})
	for _, h := range hosts {
		h.overTime.markUnknown(bars, blindIn)
	}
	return err
}

func timeOf(at sql.NullInt64) value {
	if !at.Valid {
		return nil
	}
	return timestamp(at.Int64)
}

func since(at sql.NullInt64, now int64) value {
	if !at.Valid {
		return nil
	}
	return seconds(max(now-at.Int64, 0) / store.Second)
}

// markUnknown sets each bar without ships to -1 if a source was blind in a part of it.
func (s spark) markUnknown(bars bars, blindIn []blindness) {
	for i, n := range s {
		at := bars.from + int64(i)*bars.length
		if n == 0 && slices.ContainsFunc(blindIn, func(b blindness) bool { return b.overlaps(at, at+bars.length) }) {
			s[i] = -1
		}
	}
}
