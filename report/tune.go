package report

import (
	_ "embed"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/cis490/fleet-health/store"
)

//go:embed tuneships.sql
var tuneShipsSQL string

// ladder are the thresholds of a silence that are tried, in microseconds.
var ladder = []int64{
	10 * store.Minute, 20 * store.Minute, 30 * store.Minute, 45 * store.Minute, store.Hour, 90 * store.Minute,
	2 * store.Hour, 3 * store.Hour, 4 * store.Hour, 6 * store.Hour, 12 * store.Hour, 24 * store.Hour,
}

// leastShips is the number of ships below which nothing is recommended, and leastKnown the time,
// in microseconds, for which a host must be known.
const (
	leastShips = 50
	leastKnown = 3 * 24 * store.Hour
)

// TuneOptions tell what a silence is.
type TuneOptions struct {
	Hosts   []string // none for all that ship
	Outages []string // the receiver's symptoms, in which silences are not the hosts'
	Hold    int64    // a shorter recovery does not end an incident, in microseconds
}

// tuned is how a host shipped in a window, and what thresholds would have said of it.
type tuned struct {
	name      string
	first     int64   // its first ship in the window, in microseconds
	last      int64   // its last one
	intervals []int32 // between ships, in seconds
	byHour    [store.Slots]int64
	silences  []silence // of at least the lowest threshold
	tried     []trial   // for each threshold
	now       trial     // what was said by the thresholds of that time, without stays
	known     int64     // from its first ship to the end of the window, in microseconds
	hold      int64
}

// silence is a time without a ship, in microseconds. The last one of a window may go on.
type silence struct {
	from, to int64
	goesOn   bool
}

// trial is what a threshold would have said.
type trial struct {
	said  int64 // silences that were longer
	soon  int64 // of these, those that were over before anybody could act: within the hold time
	stays int64 // of these, those after which it shipped for longer than the hold time
}

// fits reports whether at most one silence in four weeks was over at once. known is in microseconds.
func (t trial) fits(known int64) bool { return t.soon <= max(1, known/(28*24*store.Hour)) }

var tuneColumns = []column[*tuned]{
	{key: "host", head: "host", cut: 12, of: func(t *tuned) value { return t.name }},
	{key: "ships", head: "ships", right: true, drop: 2, of: func(t *tuned) value { return t.ships() }},
	{key: "median_seconds", head: "median", right: true, of: func(t *tuned) value { return t.percentile(50) }},
	{key: "p99_seconds", head: "99%", right: true, of: func(t *tuned) value { return t.percentile(99) }},
	{key: "longest_seconds", head: "longest", right: true, drop: 1, of: func(t *tuned) value { return t.percentile(100) }},
	{key: "said_now", head: "said", right: true, of: func(t *tuned) value { return t.now.said }},
	{key: "soon_over_now", head: "soon over", right: true, of: func(t *tuned) value { return t.now.soon }},
	{key: "said", of: func(t *tuned) value { return t.by(func(t trial) int64 { return t.said }) }},
	{key: "soon_over", of: func(t *tuned) value { return t.by(func(t trial) int64 { return t.soon }) }},
	{key: "recovered", of: func(t *tuned) value { return t.by(func(t trial) int64 { return t.stays }) }},
	{key: "ships_by_hour_of_week", of: func(t *tuned) value { return spark(t.byHour[:]) }},
	{key: "recommended", head: "recommended", of: func(t *tuned) value { s, _ := t.recommended(); return s }},
	{key: "reason", of: func(t *tuned) value { _, s := t.recommended(); return s }},
}

// Tune writes how hosts ship, what thresholds of a silence would have said of them in a window, and
// which one is recommended. For named hosts, people also see each threshold, and the hours of the
// week in which the host ships.
func Tune(tx *store.Tx, out io.Writer, s Style, w Window, o TuneOptions) error {
	kept, err := tx.RawSince()
	if err != nil {
		return err
	}
	w.Since = max(w.Since, kept)
	list, err := tuneHosts(tx, w, o)
	if err != nil {
		return err
	}
	heading := []string{fmt.Sprintf("%d host(s)", len(list)), "from " + s.stamp(w.Since), "to " + s.stamp(w.Until)}
	if w.Since == kept {
		heading = append(heading, "earlier ships are pruned")
	}
	d := document{table: tableOfAll(tuneColumns, list), above: func() (above, error) { return above{heading: heading}, nil }}
	if len(o.Hosts) > 0 {
		d.below = func(p page) (string, error) {
			var b strings.Builder
			for _, t := range list {
				setting, reason := t.recommended()
				b.WriteString(p.advice(Cell(t.name)+", recommended: "+setting, reason))
				b.WriteString(p.verbatim("thresholds:", t.steps()))
				b.WriteString(p.verbatim("ships by hour of the week (UTC):", t.week()))
			}
			return b.String(), nil
		}
	}
	return render(out, s, d)
}

// tuneHosts reads the ships of the window.
func tuneHosts(tx *store.Tx, w Window, o TuneOptions) ([]*tuned, error) {
	names, err := hostNames(tx)
	if err != nil {
		return nil, err
	}
	said, err := saidThen(tx, w, o.Hold)
	if err != nil {
		return nil, err
	}
	excluded, err := notTheHosts(tx, w, o.Outages)
	if err != nil {
		return nil, err
	}
	only := []int64{0}
	if len(o.Hosts) > 0 {
		only = nil
		for _, host := range o.Hosts {
			id, err := tx.HostID(host)
			if err != nil {
				return nil, err
			}
			only = append(only, id)
		}
	}
	hosts := map[int64]*tuned{}
	for _, id := range only {
		params := map[string]any{"from_at": w.Since + 1, "until": w.Until, "host": id}
		if id != 0 {
			hosts[id] = &tuned{name: names[id]}
		}
		err := eachCount(tx, tuneShipsSQL, params, func(c factCount) {
			t := hosts[c.of]
			if t == nil {
				t = &tuned{name: names[c.of]}
				hosts[c.of] = t
			}
			t.ship(c.n, excluded)
		})
		if err != nil {
			return nil, err
		}
	}
	var list []*tuned
	for _, t := range hosts {
		t.end(w, excluded, o.Hold)
		t.now = said[t.name]
		list = append(list, t)
	}
	slices.SortFunc(list, func(a, b *tuned) int { return strings.Compare(a.name, b.name) })
	return list, nil
}

// notTheHosts returns the times in which hosts could not ship, or nobody would know.
func notTheHosts(tx *store.Tx, w Window, outages []string) ([]blindness, error) {
	found, err := blind(tx, w)
	if err != nil {
		return nil, err
	}
	found = slices.DeleteFunc(found, func(b blindness) bool { return !strings.HasPrefix(b.reason, "index ") && b.reason != noPass })
	incidents, err := tx.Outages(w.Since, w.Until)
	for _, i := range incidents {
		if slices.Contains(outages, i.Symptom) {
			to := w.Until
			if i.ResolvedAt.Valid {
				to = i.ResolvedAt.Int64
			}
			found = append(found, blindness{from: i.BeganAt, to: to})
		}
	}
	return found, err
}

// hostNames returns the names of the hosts by their ids.
func hostNames(tx *store.Tx) (map[int64]string, error) {
	var hosts []struct {
		ID   int64  `db:"id"`
		Name string `db:"name"`
	}
	err := tx.Select(&hosts, "SELECT id, name FROM hosts")
	names := make(map[int64]string, len(hosts))
	for _, h := range hosts {
		names[h.ID] = h.Name
	}
	return names, err
}

// saidThen returns what was said in a window of the silences of each host, by the thresholds of
// that time.
func saidThen(tx *store.Tx, w Window, hold int64) (map[string]trial, error) {
	list, err := tx.Incidents(store.IncidentFilter{Since: w.Since, Until: w.Until, All: true})
	said := map[string]trial{}
	for _, i := range list {
		if i.Symptom != "silent" || !i.SaidAt.Valid || i.OpenedAt <= w.Since {
			continue
		}
		t := said[i.Subject]
		t.said++
		if i.ClearAt.Valid && i.ClearAt.Int64-i.OpenedAt <= hold {
			t.soon++
		}
		said[i.Subject] = t
	}
	return said, err
}

// ship adds a ship. Ships come in their order.
func (t *tuned) ship(at int64, excluded []blindness) {
	if t.last != 0 {
		t.quiet(silence{from: t.last, to: at}, excluded)
	}
	if t.first == 0 {
		t.first = at
	}
	t.last = at
	t.byHour[store.SlotOf(at/store.Hour)]++
}

// quiet adds the time between two ships.
func (t *tuned) quiet(s silence, excluded []blindness) {
	long := s.to-s.from > ladder[0]
	if long && slices.ContainsFunc(excluded, func(b blindness) bool { return b.overlaps(s.from, s.to) }) {
		return
	}
	if !s.goesOn {
		t.intervals = append(t.intervals, int32(min((s.to-s.from)/store.Second, math.MaxInt32)))
	}
	if long {
		t.silences = append(t.silences, s)
	}
}

// end ends the window, and tries the thresholds.
func (t *tuned) end(w Window, excluded []blindness, hold int64) {
	t.hold, t.known = hold, w.Until-t.first
	if t.last != 0 {
		t.quiet(silence{t.last, w.Until, true}, excluded)
	}
	slices.Sort(t.intervals)
	for _, threshold := range ladder {
		one, back := trial{}, int64(math.MinInt64) // back is when it came back from the silence before
		for _, s := range t.silences {
			if s.to-s.from <= threshold {
				continue
			}
			if back != math.MinInt64 && s.from-back > hold {
				one.stays++
			}
			one.said++
			back = math.MinInt64
			if !s.goesOn {
				back = s.to
				if s.to-s.from-threshold <= hold {
					one.soon++
				}
			}
		}
		if back != math.MinInt64 && t.last-back > hold {
			one.stays++
		}
		t.tried = append(t.tried, one)
	}
}

func (t *tuned) ships() int64 {
	if t.first == 0 {
		return 0
	}
	return int64(len(t.intervals)) + 1
}

// percentile returns the interval that so many percent are not longer than; nil without any.
func (t *tuned) percentile(percent int) value {
	if len(t.intervals) == 0 {
		return nil
	}
	return seconds(t.intervals[(len(t.intervals)-1)*percent/100])
}

// by returns a figure of each threshold, by its seconds.
func (t *tuned) by(figure func(trial) int64) counts {
	c := counts{}
	for n, one := range t.tried {
		c[int(ladder[n]/store.Second)] = figure(one)
	}
	return c
}

// recommended returns what to do about the host's threshold, and why.
func (t *tuned) recommended() (do, reason string) {
	switch {
	case t.ships() < leastShips:
		return "nothing", fmt.Sprintf("%d ships are too few to tell", t.ships())
	case t.known < leastKnown:
		return "nothing", Age(t.known) + " are too short to tell"
	}
	was := fmt.Sprintf("%d silences were said, of which %d were over within %s", t.now.said, t.now.soon, Age(t.hold))
	if t.now.fits(t.known) {
		return "as it is", was
	}
	for n, one := range t.tried {
		if one.said <= max(1, t.known/(7*24*store.Hour)) && one.fits(t.known) {
			return "silent-threshold=" + length(ladder[n]), was + fmt.Sprintf("; after %s it would have been %d, of which %d over within %s", length(ladder[n]), one.said, one.soon, Age(t.hold))
		}
	}
	return "nothing", was + "; no threshold up to a day would have been better"
}

// length writes a threshold as set takes it.
func length(us int64) string {
	if us%store.Hour == 0 {
		return fmt.Sprintf("%dh", us/store.Hour)
	}
	return fmt.Sprintf("%dm", us/store.Minute)
}

// steps lists what each threshold would have said.
func (t *tuned) steps() string {
	text := fmt.Sprintf("%9s %6s %10s %10s\n", "threshold", "said", "soon over", "recovered")
	for n, one := range t.tried {
		text += fmt.Sprintf("%9s %6d %10d %10d\n", length(ladder[n]), one.said, one.soon, one.stays)
	}
	return text
}

// week draws what it ships in each hour of the week, a line per day.
func (t *tuned) week() string {
	seen := [store.Slots]int64{} // how often the window has this hour of the week
	for hour := t.first / store.Hour; hour*store.Hour < t.first+t.known; hour++ {
		seen[store.SlotOf(hour)]++
	}
	rates := make(spark, store.Slots) // in thousandths
	for slot, ships := range t.byHour {
		rates[slot] = 1000 * ships / max(1, seen[slot])
	}
	top := slices.Max(rates)
	text := "    0     6     12    18\n"
	for day := range 7 {
		hours := rates[day*24 : day*24+24]
		// Each day is drawn to the scale of the week.
		bars := []rune(append(slices.Clone(hours), top).bars())
		text += fmt.Sprintf("%s %s\n", time.Weekday((day + 1) % 7).String()[:3], string(bars[:24]))
	}
	return text
}
