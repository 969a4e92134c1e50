package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/olekukonko/tablewriter"
)

// people writes documents for people, on a page.
type people struct {
	w     io.Writer
	style Style
	page  page
	n     int // documents so far
}

// page is a format for people.
type page interface {
	// text escapes a text within a line.
	text(string) string
	// begins escapes a text at the start of a line. text has already escaped it.
	begins(string) string
	// line returns a line outside of a table.
	line(string) string
	// advice returns a title, and a text of any length below it.
	advice(title, text string) string
	// verbatim returns a title, and lines below it that can be copied as they are.
	verbatim(title, lines string) string
	// colour returns the SGR code for a state, "" for none.
	colour(state) string
	// narrow makes a part of a table fit the page. first marks the first part.
	narrow(g *grid, first bool)
	// options returns the options of tablewriter.
	options() []tablewriter.Option
	// lines returns the lines of a part that tablewriter rendered.
	lines(rendered string, first bool) string
}

func (p *people) rows(shapes []shape) (rowWriter, error) {
	return &tableRows{w: p.w, page: p.page, zone: p.style.zone(), shapes: shapes}, nil
}

func (p *people) document(d document) error {
	if p.n++; p.n > 1 {
		if _, err := io.WriteString(p.w, "\n"); err != nil {
			return err
		}
	}
	if d.above != nil {
		above, err := d.above()
		if err != nil {
			return err
		}
		if _, err := io.WriteString(p.w, p.above(above)); err != nil {
			return err
		}
	}
	if err := p.table(d.table); err != nil || d.below == nil {
		return err
	}
	below, err := d.below(p.page)
	if err == nil {
		_, err = io.WriteString(p.w, below)
	}
	return err
}

func (p *people) table(t table) error {
	rows, err := p.rows(t.shapes)
	if err != nil {
		return err
	}
	if err := t.rows(rows.row); err != nil {
		return err
	}
	if t.sum != nil {
		if err := rows.row(t.sum()); err != nil {
			return err
		}
	}
	return rows.end()
}

func (p *people) end() error { return nil }

// maxBlind limits the blind windows that get a line above a table.
const maxBlind = 5

// above returns the text above a table: the line about health, the heading, and a line
// for each blind window, newest first.
func (p *people) above(a above) string {
	var text strings.Builder
	if a.health != "" {
		text.WriteString(p.page.line(a.health) + "\n")
	}
	if len(a.heading) > 0 {
		text.WriteString(p.heading(a.heading) + "\n")
	}
	for n := len(a.blind) - 1; n >= 0; n-- {
		if n < len(a.blind)-maxBlind {
			fmt.Fprintf(&text, "blind in %d more window(s): see gap_log\n", n+1)
			break
		}
		b := a.blind[n]
		for _, line := range wrapped(fmt.Sprintf("blind from %s to %s: %s", p.style.clock(b.from), p.style.clock(b.to), b.reason), p.style.Width) {
			text.WriteString(line + "\n")
		}
	}
	return text.String() + "\n"
}

// heading joins the parts of a sentence, as many on a line as fit the terminal. A part that
// fits no line is split at its blanks.
func (p *people) heading(parts []string) string {
	var text strings.Builder
	column := 0
	for i, part := range parts {
		part = p.page.text(part)
		width := columnsOf(part)
		if p.style.Width > 0 && width > p.style.Width {
			lines := wrapped(part, p.style.Width)
			part, width = strings.Join(lines, "\n"), columnsOf(lines[len(lines)-1])
		}
		switch {
		case i == 0:
			part = p.page.begins(part)
		case p.style.Width > 0 && column+2+columnsOf(part) > p.style.Width:
			text.WriteString(",\n")
			column = 0
		default:
			text.WriteString(", ")
			column += 2
		}
		text.WriteString(part)
		if column += width; strings.Contains(part, "\n") {
			column = width
		}
	}
	return text.String()
}
