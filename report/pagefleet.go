package report

import (
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
)

// pageFleet is the data of the fleet's page.
type pageFleet struct {
	pageHead
	Summary  []string
	Troubles []pageTrouble
	More     int // troubles that are not described
	Table    pageTable
	Map      *heatmap
	Rows     []heatRow
	Left     int // hosts that are not listed
}

// maxHeatName is the length, in columns of a terminal, to which the heatmap cuts the name of a
// host. The table of hosts has all of it.
const maxHeatName = 40

// heatRow is a row of the heatmap.
type heatRow struct {
	Host  string
	Cells template.HTML
}

// pageColumns are the columns of the fleet that its page shows. The heatmap has the ships over
// time.
func pageColumns() []column[fleetRow] {
	return slices.DeleteFunc(slices.Clone(fleetColumns), func(c column[fleetRow]) bool { return c.head == "" || c.key == "ships_over_time" })
}

// Index writes the page of the fleet: what is wrong now, the hosts, and a heatmap.
func (p *Pages) Index(out io.Writer) error {
	w := p.window.wholeHours()
	blindIn, err := blind(p.tx, w)
	if err != nil {
		return err
	}
	if err := countFleet(p.tx, p.fleet.hosts, w, w.heatBars(), blindIn); err != nil {
		return err
	}
	if err := countRecent(p.tx, p.fleet.hosts, w); err != nil {
		return err
	}
	heat, err := newHeatmap(p.tx, w, blindIn, p.style.zone())
	if err != nil {
		return err
	}
	d := pageFleet{Summary: p.fleet.summary(), Map: heat}
	// The headline has the number of troubles.
	_, d.Summary[0], _ = strings.Cut(d.Summary[0], ": ")
	if d.pageHead, err = p.head("Fleet health", w, blindIn); err != nil {
		return err
	}
	d.AsOf = p.style.stamp(p.fleet.asOf)
	found := roots(p.fleet.open)
	slices.SortStableFunc(found, func(a, b *openIncident) int { return quietLast(a) - quietLast(b) })
	for n, i := range found {
		if n == maxTroubles {
			d.More = len(found) - n
			break
		}
		d.Troubles = append(d.Troubles, p.trouble(i))
	}
	columns := pageColumns()
	shapes := tableOfAll(columns, nil).shapes
	d.Table = newPageTable("fleet", shapes)
	for _, r := range p.fleet.rows(true) {
		if r.fleetHost != nil && len(d.Rows) == maxPageHosts {
			d.Left++
			continue
		}
		row := pageRow{Cells: p.pageCells(shapes, valuesOf(columns, r))}
		if r.fleetHost == nil {
			row.Cells[0].Class = "cause"
		} else {
			row.Cells[0].Href = p.link(r.Name).Href
			d.Rows = append(d.Rows, heatRow{shortened(Cell(r.Name), maxHeatName), heat.cells(r.fleetHost)})
		}
		d.Table.Rows = append(d.Table.Rows, row)
	}
	return p.execute(out, "fleet", d)
}

// quietLast orders the troubles that nobody needs to look at after the others.
func quietLast(i *openIncident) int {
	if i.quiet() {
		return 1
	}
	return 0
}

// Headline says in a few words how the fleet is.
func (d pageFleet) Headline() string {
	switch n := len(d.Troubles) + d.More; n {
	case 0:
		return "No trouble is open"
	case 1:
		return "1 trouble is open"
	default:
		return fmt.Sprintf("%d troubles are open", n)
	}
}

// Bad reports whether a trouble is open that nobody has acknowledged or muted.
func (d pageFleet) Bad() bool {
	return slices.ContainsFunc(d.Troubles, func(t pageTrouble) bool { return !t.Quiet })
}
