package report

import "io"

// A viewColumn describes a column of a view. The views are the interface for ad-hoc SQL.
type viewColumn struct {
	view, name string
	unit       string // one of the units
	meaning    string
	example    any // int64 or string, from the demo
}

// Units of columns. A column can be NULL only if its meaning says so.
const (
	unitTime    = "text, UTC to the microsecond"
	unitHour    = "text, UTC on the hour"
	unitHours   = "integer, hours since 1970"
	unitMicros  = "integer, microseconds since 1970"
	unitSeconds = "integer, seconds"
	unitID      = "integer, an id"
	unitFlag    = "integer, 0 or 1"
	unitCount   = "integer, a count"
	unitStatus  = "integer, an HTTP status"
	unitBytes   = "integer, bytes"
	unitHex     = "text, hexadecimal"
	unitText    = "text"
)

var schemaColumns = []column[viewColumn]{
	{key: "view", head: "view", of: func(c viewColumn) value { return c.view }},
	{key: "column", head: "column", of: func(c viewColumn) value { return c.name }},
	{key: "unit", head: "unit", cut: 10, of: func(c viewColumn) value { return c.unit }},
	{key: "meaning", head: "meaning", cut: 20, of: func(c viewColumn) value { return c.meaning }},
	{key: "example", head: "example", drop: 1, of: func(c viewColumn) value { return c.example }},
}

// Views returns the names of the views, in the order in which Schema shows them.
func Views() (names []string) {
	for _, c := range viewColumns {
		if len(names) == 0 || names[len(names)-1] != c.view {
			names = append(names, c.view)
		}
	}
	return names
}

// Schema writes a row for each column of a view, or of all views if view is "".
func Schema(w io.Writer, s Style, view string) error {
	var rows []viewColumn
	for _, c := range viewColumns {
		if view == "" || c.view == view {
			rows = append(rows, c)
		}
	}
	return render(w, s, document{table: tableOfAll(schemaColumns, rows)})
}
