package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"github.com/cis490/fleet-health/store"
)

//go:embed fleetfailures.sql
var fleetFailuresSQL string

//go:embed fleetrates.sql
var fleetRatesSQL string

// maxCells limits the cells of a row of the heatmap. A cell is an hour, or in a longer window
// several hours.
const maxCells = 48

// heatmap shows the ships of each host over time, relative to what it usually ships.
type heatmap struct {
	Length  string // of a cell, such as 1h
	Columns []heatColumn
	Pruned  bool // a part of it is pruned

	bars     bars
	until    int64                         // microseconds
	failures map[int64]spark               // by the id of a host
	rates    map[int64]*[store.Slots]int64 // its rhythm, in thousandths of ships; none for a new host
}

// heatColumn is the head of a column. The day is "" if the column before has the same.
type heatColumn struct {
	Day, Hour     string
	Blind, Pruned bool
}

// Class returns the CSS class of the column's head.
func (c heatColumn) Class() string {
	switch {
	case c.Blind:
		return "u"
	case c.Pruned:
		return "p"
	}
	return ""
}

// heatBars returns the cells of a window: whole hours.
func (w Window) heatBars() bars {
	hours := max(1, ceil(w.Until-w.Since-1, store.Hour)) // a fact at the end counts to the last
	each := ceil(hours, maxCells)
	return bars{w.Since, each * store.Hour, ceil(hours, each)}
}

// start returns the start of a cell in microseconds. A window is after its own start.
func (m *heatmap) start(cell int64) int64 { return m.bars.from + 1 + cell*m.bars.length }

// wholeHours returns the window widened to the start of its first hour.
func (w Window) wholeHours() Window { return Window{wholeHour(w.Since+1) - 1, w.Until} }

// newHeatmap reads the failures and the rhythms of all hosts. w starts at a whole hour.
func newHeatmap(tx *store.Tx, w Window, blindIn []blindness, zone *time.Location) (*heatmap, error) {
	m := &heatmap{bars: w.heatBars(), until: w.Until, failures: map[int64]spark{}, rates: map[int64]*[store.Slots]int64{}}
	horizon, err := tx.RawSince()
	if err != nil {
		return nil, err
	}
	m.Length = bucketName(m.bars.length)
	day := ""
	for i := range m.bars.n {
		from := m.start(i)
		at := time.UnixMicro(from).In(zone)
		c := heatColumn{Hour: at.Format("15"), Pruned: from < horizon,
			Blind: slices.ContainsFunc(blindIn, func(b blindness) bool { return b.overlaps(from, from+m.bars.length) })}
		if at.Minute() != 0 { // the zone is not whole hours from UTC
			c.Hour = at.Format("15:04")
		}
		if d := at.Format("Mon 2 Jan"); d != day {
			day, c.Day = d, d
		}
		m.Pruned = m.Pruned || c.Pruned
		m.Columns = append(m.Columns, c)
	}
	err = eachCount(tx, fleetFailuresSQL, w.params(horizon), func(c factCount) {
		if m.failures[c.of] == nil {
			m.failures[c.of] = make(spark, m.bars.n)
		}
		m.failures[c.of][m.bars.of(c.kind-1)] += c.n
	})
	if err != nil {
		return nil, err
	}
	first, last := m.start(0)/store.Hour, w.Until/store.Hour
	slots := map[string]any{"from_slot": store.SlotOf(first), "to_slot": store.SlotOf(last)}
	if last-first >= store.Slots-1 {
		slots = map[string]any{"from_slot": 0, "to_slot": store.Slots - 1}
	}
	return m, eachCount(tx, fleetRatesSQL, slots, func(c factCount) {
		if m.rates[c.of] == nil {
			m.rates[c.of] = new([store.Slots]int64)
		}
		m.rates[c.of][c.kind] = c.n
	})
}

// cells returns the cells of a host. They are made of numbers and of words of this file alone,
// so they need no escaping, which takes longer than all else for so many.
func (m *heatmap) cells(h *fleetHost) template.HTML {
	var b strings.Builder
	failures := m.failures[h.ID]
	for i, ships := range h.overTime {
		class, text := heatClass(ships, m.usual(h, int64(i))), briefly(ships)
		if failures != nil && failures[i] > 0 {
			class, text = class+" f", "✕"+briefly(failures[i])+"<i>, "+text+"</i>"
		}
		if m.Columns[i].Pruned {
			class += " p"
		}
		b.WriteString(`<td class="` + class + `">` + text)
	}
	return template.HTML(b.String())
}

// usual returns how many ships usually come from a host in a cell. A host without a rhythm
// usually ships what it ships in an average cell.
func (m *heatmap) usual(h *fleetHost, cell int64) (ships float64) {
	from := m.start(cell)
	to := min(from+m.bars.length, m.until+1)
	week, learnt := m.rates[h.ID]
	if !learnt {
		return float64(h.ships) * float64(to-from) / float64(m.until+1-m.start(0))
	}
	for at := from; at < to; at += store.Hour {
		part := float64(min(store.Hour, to-at)) / float64(store.Hour)
		ships += part * float64(week[store.SlotOf(at/store.Hour)]) / 1000
	}
	return ships
}

// manyMissing is how many usual ships must be missing, without a single one, to be shown as
// missing: by chance, that happens to one cell of twenty.
const manyMissing = 3

// heatClass returns the CSS class of a cell. ships is negative if it is not known.
func heatClass(ships int64, usual float64) string {
	switch n := float64(ships); {
	case ships < 0:
		return "u"
	case ships == 0 && usual >= manyMissing:
		return "m"
	case ships == 0:
		return "c0"
	case n < usual/2:
		return "c1"
	case n < usual*4/5:
		return "c2"
	case n <= usual*3/2:
		return "c3"
	}
	return "c4"
}

// briefly formats a number in at most four characters: 9999, 12k, 3M. A negative number is an
// unknown one: ?.
func briefly(n int64) string {
	switch {
	case n < 0:
		return "?"
	case n < 10_000:
		return fmt.Sprint(n)
	case n < 1_000_000:
		return fmt.Sprintf("%dk", n/1000)
	}
	return fmt.Sprintf("%dM", n/1_000_000)
}
