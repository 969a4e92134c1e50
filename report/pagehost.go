package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"github.com/cis490/fleet-health/store"
	"github.com/cis490/fleet-health/store/visible"
)

// pageHost is the data of a host's page.
type pageHost struct {
	pageHead
	Name, Bucket string
	State, Class string
	Last         string // its last ship, in words
	Advice       string // for a state that has no incident
	Troubles     []pageTrouble
	Chart        pageChart
	Events       []pageEvent
	Table        pageTable
	Clients      string // that its name is used by several machines; "" if not
}

// pageEvent is a line of a host's timeline.
type pageEvent struct {
	at         int64
	Time, Text string
	Href       string // what it is about, on the page; "" for nothing
}

// maxPageEvents limits the lines of a timeline.
const maxPageEvents = 200

// Host writes the page of a host: its state and what to do, its history, and a timeline of its
// incidents and code commits. The buckets are those of the pages' window. The errors include
// ErrUnknownHost and ErrPruned.
func (p *Pages) Host(out io.Writer, host string, b Buckets) error {
	blindIn, err := blind(p.tx, Window{b.Bounds[0] - 1, p.window.Until})
	if err != nil {
		return err
	}
	history := &hostHistory{tx: p.tx, style: p.style, host: host, window: p.window, buckets: b, blindIn: blindIn, total: tally{statuses: counts{}}}
	var rows []hostRow
	if err := history.rows(func(r hostRow) error { rows = append(rows, r); return nil }); err != nil {
		return err
	}
	d := pageHost{Name: Cell(host), Bucket: b.Name, Last: "never shipped"}
	if d.pageHead, err = p.head(d.Name+" – fleet health", p.window, blindIn); err != nil {
		return err
	}
	if p.linked {
		d.Back = "index.html"
	}
	if n := slices.IndexFunc(p.fleet.hosts, func(h *fleetHost) bool { return h.Name == host }); n >= 0 {
		p.describe(&d, p.fleet.hosts[n])
	}
	horizon, err := p.tx.RawSince()
	if err != nil {
		return err
	}
	d.Chart = newChart(rows, b, horizon, p.style)
	if d.Events, err = p.timeline(rows, host, b, &d); err != nil {
		return err
	}
	d.Table = p.historyTable(rows, history)
	if sets := clientSets(history.clients); len(sets) > 0 {
		d.Clients = sharedName(sets, textPage{}, p.style.zone())
	}
	return p.execute(out, "host", d)
}

// describe adds the state of a host.
func (p *Pages) describe(d *pageHost, h *fleetHost) {
	d.Mark, d.State, d.Class = h.mark(), string(h.state), stateClass(h.state)
	if h.LastShip.Valid {
		d.Last = fmt.Sprintf("last ship %s, %s before", p.style.clock(h.LastShip.Int64), Age(p.window.Until-h.LastShip.Int64))
	}
	if h.incident != nil {
		d.Troubles = append(d.Troubles, p.trouble(h.incident))
	}
	if h.cause != nil {
		cause := p.trouble(h.cause)
		cause.Hosts, cause.More = nil, 0
		d.Troubles = append(d.Troubles, cause)
	}
	switch h.state {
	case stateUnknown:
		d.Advice = "No trouble is found, but a source was not read since its last ship. Run `cis490-fleet-health doctor`."
	case stateNever:
		d.Advice = "It made PUTs, but never shipped. Find out whether it is a new host or an invented name."
	}
}

// AdviceParts returns the advice with its commands.
func (d pageHost) AdviceParts() []pageText { return pageTexts(d.Advice) }

// historyTable returns the rows of a history, newest first, after a row that sums them up.
func (p *Pages) historyTable(rows []hostRow, history *hostHistory) pageTable {
	shapes := tableOfAll(hostColumns, nil).shapes
	t := newPageTable("history", shapes)
	t.Rows = append(t.Rows, pageRow{ID: "all", Cells: p.pageCells(shapes, history.sum())})
	for i, r := range slices.Backward(rows) {
		t.Rows = append(t.Rows, pageRow{ID: rowAnchor(i), Cells: p.pageCells(shapes, valuesOf(hostColumns, r))})
	}
	return t
}

// rowAnchor returns the anchor of a bucket in the table of a history.
func rowAnchor(bucket int) string { return fmt.Sprintf("t%d", bucket) }

// timeline returns what happened to a host in the window, newest first, and marks it in the
// chart.
func (p *Pages) timeline(rows []hostRow, host string, b Buckets, d *pageHost) (events []pageEvent, err error) {
	w := Window{b.Bounds[0] - 1, p.window.Until}
	add := func(at int64, href, text string) {
		events = append(events, pageEvent{at, show(minute(at), p.style.zone()), text, href})
	}
	for n, r := range rows {
		if r.changes > 0 {
			add(b.Bounds[n], "#"+rowAnchor(n), "code commit "+Cell(r.commitText))
			d.Chart.commit(n)
		}
	}
	incidents, err := p.tx.Incidents(store.IncidentFilter{Host: host, All: true, Since: w.Since, Until: w.Until})
	if err != nil {
		return nil, err
	}
	for _, i := range incidents {
		end := w.Until
		if i.ResolvedAt.Valid {
			end = min(i.ResolvedAt.Int64, end)
		}
		d.Chart.trouble(b.at(max(i.BeganAt, b.Bounds[0])), b.at(max(end, b.Bounds[0])))
		href, who := "", i.Symptom
		if slices.ContainsFunc(d.Troubles, func(t pageTrouble) bool { return t.ID == i.ID }) {
			href = fmt.Sprintf("#i%d", i.ID)
		}
		if i.Subject != host {
			who = subjectShown(i.Subject) + ": " + who
		}
		if i.BeganAt > w.Since {
			add(i.BeganAt, href, who+" begins")
		}
		happened, err := p.tx.EventsOf(i.ID)
		if err != nil {
			return nil, err
		}
		for _, e := range happened {
			if e.Event != store.EventRepeated && e.At > w.Since && e.At <= w.Until {
				add(e.At, href, visible.Escape(fmt.Sprintf("%s: incident %d is %s", who, i.ID, e.Event)))
			}
		}
	}
	slices.SortStableFunc(events, func(x, y pageEvent) int { return cmp.Compare(y.at, x.at) })
	return events[:min(len(events), maxPageEvents)], nil
}
