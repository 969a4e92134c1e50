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
	//go:embed recentputs.sql
	recentPutsSQL string
)

// fleetHost is a host, and the counts of its facts in a window.
type fleetHost struct {
	ID           int64         `db:"id"`
	Name         string        `db:"name"`
	LastShip     sql.NullInt64 `db:"last_ship_at"`  // microseconds
	ShippedSince bool          `db:"shipped_since"` // LastShip is after the window; findLastShips replaces it
	FailedStatus int           `db:"failed_status"` // of its last PUT since the last accepted one; 0 for none
	Awaited      bool          `db:"awaited"`       // nothing was heard of it since a trouble of its receiver or its group ended
	Muted        bool          `db:"muted"`
	Retired      bool          `db:"retired"`
	ShipsAgain   bool          `db:"ships_again"` // it was retired before its last ship

	incident  *openIncident // its own; nil for none
	cause     *openIncident // the one that explains what the host suffers; nil for none
	state     state
	age       value // seconds since LastShip; nil if it never shipped
	open      words // symptoms
	ships     int64
	overTime  spark
	statuses  counts // PUTs
	recent    counts // PUTs that failed recently, and since the trouble began
	unstamped int64
	uncounted bool // PUTs were not understood in a part of the window
}

// order returns the place of a host: hosts in trouble first, then unknown ones.
func (h *fleetHost) order() int {
	switch {
	case h.Retired:
		return 3
	case len(h.open) > 0 && h.state != stateUnknown:
		return 0
	case h.state == stateUnknown:
		return 1
	}
	return 2
}

// mostly returns the status with which most PUTs of a host fail now. If there are no recent
// ones, it is that of its last PUT.
func (h *fleetHost) mostly() value {
	if status := h.recent.mainFailure(); status != nil || h.incident == nil || h.FailedStatus == 0 {
		return status
	}
	return h.FailedStatus
}

// fleetRow is a row of the fleet's report: a host, or for people a cause above its hosts.
type fleetRow struct {
	*fleetHost // nil for a cause
	cause      *openIncident
}

// ofHost returns the value of a row from its host. A cause has none.
func ofHost(of func(h *fleetHost) value) func(fleetRow) value {
	return func(r fleetRow) value {
		if r.fleetHost == nil {
			return nil
		}
		return of(r.fleetHost)
	}
}

var fleetColumns = []column[fleetRow]{
	{key: "host", of: ofHost(func(h *fleetHost) value { return h.Name })},
	{head: "host", cut: 12, of: fleetRow.name},
	{key: "state", head: "state", of: fleetRow.stateShown},
	{head: "since", drop: 5, of: fleetRow.since},
	{key: "last_ship_at", head: "last ship", drop: 1, of: ofHost(func(h *fleetHost) value { return timeOf(h.LastShip) })},
	{key: "silent_seconds", head: "age", right: true, of: ofHost(func(h *fleetHost) value { return h.age })},
	{key: "ships", head: "ships", right: true, drop: 5, of: ofHost(func(h *fleetHost) value { return h.ships })},
	{key: "puts_2xx", head: "2xx", right: true, drop: 4, of: ofHost(func(h *fleetHost) value { return known(h.statuses.class(2), h.noPuts()) })},
	{key: "puts_4xx", head: "4xx", right: true, of: ofHost(func(h *fleetHost) value { return known(h.statuses.class(4), h.noPuts()) })},
	{key: "puts_5xx", head: "5xx", right: true, of: ofHost(func(h *fleetHost) value { return known(h.statuses.class(5), h.noPuts()) })},
	{key: "unstamped", head: "unstamped", right: true, drop: 3, of: ofHost(func(h *fleetHost) value { return known(h.unstamped, h.noPuts()) })},
	{key: "main_failure", of: ofHost(func(h *fleetHost) value { return h.statuses.mainFailure() })},
	{head: "mostly", right: true, drop: 6, of: ofHost((*fleetHost).mostly)},
	{key: "ships_over_time", head: "ships over time", drop: 2, of: ofHost(func(h *fleetHost) value { return h.overTime })},
	{key: "open_symptoms", head: "open symptoms", cut: 10, of: fleetRow.symptoms},
	{key: "since", of: fleetRow.since},
	{key: "mostly", of: ofHost((*fleetHost).mostly)},
	{key: "incident", of: ofHost(func(h *fleetHost) value { return incidentID(h.incident) })},
	{key: "explained_by", of: ofHost(func(h *fleetHost) value { return incidentID(h.cause) })},
	{key: "acknowledged", of: ofHost(func(h *fleetHost) value { return h.incident != nil && h.incident.Acked })},
	{key: "muted", of: ofHost(func(h *fleetHost) value { return h.Muted })},
}

// name returns the name of a row for people. A host below its cause is indented.
func (r fleetRow) name() value {
	switch {
	case r.fleetHost == nil:
		return r.cause.Subject
	case r.fleetHost.cause != nil:
		return below(r.Name)
	}
	return r.Name
}

func (r fleetRow) stateShown() value {
	switch {
	case r.fleetHost != nil:
		return r.state
	case r.cause.Recovering:
		return stateRecovering
	case r.cause.Acked:
		return stateAcked
	}
	return stateOpen
}

func (r fleetRow) since() value {
	switch {
	case r.fleetHost == nil:
		return minute(r.cause.BeganAt)
	case r.incident != nil:
		return minute(r.incident.BeganAt)
	}
	return nil
}

func (r fleetRow) symptoms() value {
	if r.fleetHost == nil {
		return words{r.cause.Symptom}
	}
	return r.open
}

func incidentID(i *openIncident) value {
	if i == nil {
		return nil
	}
	return i.ID
}

// noPuts reports whether the PUTs of the host are unknown.
func (h *fleetHost) noPuts() bool {
	return h.uncounted && h.statuses.class(2)+h.statuses.class(4)+h.statuses.class(5) == 0
}

// FleetOptions tell which hosts the fleet's report has.
type FleetOptions struct {
	Silences []string // the symptoms of hosts that stopped shipping
	Outages  []string // the symptoms of a receiver that takes no episodes, which hosts suffer from
	All      bool     // also retired hosts that do not ship
}

// Fleet writes a row per host with the counts of a window, troubled hosts first. For people,
// a cause has a row above its hosts.
func Fleet(tx *store.Tx, out io.Writer, s Style, w Window, o FleetOptions) error {
	blindIn, err := blind(tx, w)
	if err != nil {
		return err
	}
	f, err := fleetAt(tx, w, o)
	if err != nil {
		return err
	}
	if err := countFleet(tx, f.hosts, w, w.bars(), blindIn); err != nil {
		return err
	}
	if err := countRecent(tx, f.hosts, w); err != nil {
		return err
	}
	return render(out, s, document{table: tableOfAll(fleetColumns, f.rows(s.forPeople())), above: func() (above, error) {
		return above{blind: blindIn, heading: append(f.summary(), "as of "+s.stamp(f.asOf),
			fmt.Sprintf("over %s from %s", Age(w.Until-w.Since), s.clock(w.Since)))}, nil
	}})
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

// countFleet adds the counts of a window to the hosts, and its ships in each of some bars.
func countFleet(tx *store.Tx, hosts []*fleetHost, w Window, bars bars, blindIn []blindness) error {
	horizon, err := tx.RawSince()
	if err != nil {
		return err
	}
	params := w.params(horizon)
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

// recently is the time, in microseconds, of which failures count as those of now.
const recently = store.Hour

// countRecent counts the PUTs of hosts that failed recently, and not before their trouble.
func countRecent(tx *store.Tx, hosts []*fleetHost, w Window) error {
	of := map[int64]*fleetHost{}
	for _, h := range hosts {
		h.recent, of[h.ID] = counts{}, h
	}
	params := map[string]any{"from_at": max(w.Until-recently, 0), "until": w.Until}
	return eachCount(tx, recentPutsSQL, params, func(c factCount) {
		if h := of[c.of]; h != nil && (h.incident == nil || c.n >= h.incident.BeganAt) {
			h.recent[int(c.kind)]++
		}
	})
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
		at := bars.from + 1 + int64(i)*bars.length // a window is after its start
		if n == 0 && slices.ContainsFunc(blindIn, func(b blindness) bool { return b.overlaps(at, at+bars.length) }) {
			s[i] = -1
		}
	}
}
