package report

import (
	"cmp"
	"database/sql"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/cis490/fleet-health/store"
)

// Found is an incident that was recorded, or that passes found when they judged again.
type Found struct {
	store.Incident
	Cause string // the symptom of the incident that explains it, "" for none
	Lines int    // lines of the log about it
}

// FoundIn returns the incidents that were open at some time of a window, as they were at its end.
func FoundIn(tx *store.Tx, w Window) ([]Found, error) {
	list, err := tx.Incidents(store.IncidentFilter{All: true, Since: w.Since, Until: w.Until})
	if err != nil {
		return nil, err
	}
	lines := map[int64]int{}
	err = tx.EachEvent(store.IncidentFilter{Since: w.Since, Until: w.Until}, func(e store.SubjectEvent) error {
		if e.Said || e.Event == store.EventRepeated {
			lines[e.IncidentID]++
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	symptoms := map[int64]string{}
	for n := range list {
		if err := rewind(tx, &list[n], w.Until); err != nil {
			return nil, err
		}
		symptoms[list[n].ID] = list[n].Symptom
	}
	found := make([]Found, len(list))
	for n, i := range list {
		found[n] = Found{Incident: i, Lines: lines[i.ID]}
		if i.ExplainedBy.Valid {
			found[n].Cause = cmp.Or(symptoms[i.ExplainedBy.Int64], "another")
		}
	}
	return found, nil
}

// OpenThen returns the incidents that were open at a time in microseconds, and those that ended
// in the 28 days before, as they were then.
func OpenThen(tx *store.Tx, at int64) ([]store.Incident, error) {
	list, err := tx.Incidents(store.IncidentFilter{All: true, Since: max(at-store.LearnFrom, 0), Until: at})
	for n := range list {
		if err == nil {
			err = rewind(tx, &list[n], at)
		}
	}
	// A cause is stored before what it explains.
	slices.SortFunc(list, func(a, b store.Incident) int { return cmp.Compare(a.ID, b.ID) })
	return list, err
}

// Replayed is what passes found when they judged again, and what that is compared with.
type Replayed struct {
	Begin  int64     // when the first pass judged, in microseconds
	Until  int64     // when the last one judged
	Passes int       // that judged
	Found  []Found   // when they judged again
	Other  []Found   // what it is compared with
	Names  [2]string // of Found and Other, for people
	Notes  []string  // what is not known of that time
}

var foundColumns = []column[Found]{
	{key: "began_at", head: "since", of: func(f Found) value { return minute(f.BeganAt) }},
	{key: "opened_at", of: func(f Found) value { return timestamp(f.OpenedAt) }},
	{head: "opened", drop: 2, of: func(f Found) value { return minute(f.OpenedAt) }},
	{key: "lasts_seconds", head: "lasts", right: true, of: func(f Found) value { return lasts(&f.Incident) }},
	{key: "subject", head: "subject", cut: 12, of: func(f Found) value { return f.Subject }},
	{key: "symptom", head: "symptom", of: func(f Found) value { return f.Symptom }},
	{key: "explained_by", head: "explained by", drop: 1, of: func(f Found) value { return orNone(f.Cause) }},
	{key: "lines", head: "lines", right: true, of: func(f Found) value { return int64(f.Lines) }},
	{key: "resolved_at", of: func(f Found) value { return timeOf(f.ResolvedAt) }},
	{key: "resolution", of: func(f Found) value { return textOf(f.Resolution) }},
	{key: "detail", head: "detail", cut: 10, of: func(f Found) value { return f.Detail }},
}

// orNone returns a text, or no value if it is empty.
func orNone(text string) value {
	if text == "" {
		return nil
	}
	return text
}

// Replay writes the incidents that passes found when they judged again, oldest first.
func Replay(out io.Writer, s Style, r *Replayed) error {
	d := document{table: tableOfAll(foundColumns, r.Found)}
	return r.render(out, s, d, fmt.Sprintf("%d incident(s)", len(r.Found)))
}

// render writes what was found, between a heading that counts it and the totals.
func (r *Replayed) render(out io.Writer, s Style, d document, count string) error {
	d.above = func() (above, error) {
		return above{heading: []string{count, fmt.Sprintf("%d pass(es)", r.Passes), "from " + s.stamp(r.Begin), "to " + s.stamp(r.Until)}}, nil
	}
	d.below = r.below
	return render(out, s, d)
}

// below writes the totals and the notes.
func (r *Replayed) below(p page) (string, error) {
	text := ""
	if totals := r.totals(); totals != "" {
		text = p.verbatim("totals:", totals)
	}
	for _, note := range r.Notes {
		text += p.advice("note:", note)
	}
	return text, nil
}

// total is what two runs found of a subject and a symptom.
type total struct{ incidents, lines [2]int }

// totals lists the totals by subject and symptom, those with most lines first.
func (r *Replayed) totals() (text string) {
	type key struct{ subject, symptom string }
	of := map[key]*total{}
	all := total{}
	for side, list := range [][]Found{r.Found, r.Other} {
		for _, f := range list {
			k := key{f.Subject, f.Symptom}
			if of[k] == nil {
				of[k] = &total{}
			}
			for _, t := range []*total{of[k], &all} {
				t.incidents[side]++
				t.lines[side] += f.Lines
			}
		}
	}
	keys := make([]key, 0, len(of))
	for k := range of {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b key) int {
		return cmp.Or(-cmp.Compare(slices.Max(of[a].lines[:]), slices.Max(of[b].lines[:])), cmp.Compare(a.subject, b.subject), cmp.Compare(a.symptom, b.symptom))
	})
	if len(keys) == 0 {
		return ""
	}
	// A row has the figures first: what they are of has any width.
	line := func(t *total, of string) string {
		text := fmt.Sprintf("%9d %6d", t.incidents[0], t.lines[0])
		if r.Names[1] != "" {
			text += fmt.Sprintf("  %12d %6d", t.incidents[1], t.lines[1])
		}
		return text + "  " + of + "\n"
	}
	text = "incidents  lines"
	if r.Names[1] != "" {
		text += fmt.Sprintf("  %12s  lines", r.Names[1]+":")
	}
	text += "\n" + line(&all, "in all")
	for n, k := range keys {
		if n == maxTotals {
			return text + fmt.Sprintf("and %d more\n", len(keys)-maxTotals)
		}
		text += line(of[k], Cell(k.subject)+" "+k.symptom)
	}
	return text
}

// maxTotals limits the totals that people see.
const maxTotals = 20

// difference is an incident that two runs did not find alike.
type difference struct {
	here, there *Found // nil if it was not found
	names       [2]string
}

var differenceColumns = []column[difference]{
	{key: "found_in", head: "found in", of: func(d difference) value { return d.in() }},
	{key: "subject", head: "subject", cut: 12, of: func(d difference) value { return d.any().Subject }},
	{key: "symptom", head: "symptom", of: func(d difference) value { return d.any().Symptom }},
	{key: "began_at", head: "since", of: func(d difference) value { return minute(d.any().BeganAt) }},
	{key: "opened_at", of: func(d difference) value { return d.time(d.here, openedAt) }},
	{key: "resolved_at", of: func(d difference) value { return d.time(d.here, resolvedAt) }},
	{key: "other_opened_at", of: func(d difference) value { return d.time(d.there, openedAt) }},
	{key: "other_resolved_at", of: func(d difference) value { return d.time(d.there, resolvedAt) }},
	{key: "opened_later_seconds", of: func(d difference) value { return d.later() }},
	{key: "lines", head: "lines", right: true, of: func(d difference) value { return d.lines(d.here) }},
	{key: "other_lines", head: "other lines", right: true, of: func(d difference) value { return d.lines(d.there) }},
	{key: "difference", head: "difference", cut: 20, of: func(d difference) value { return d.text() }},
	{key: "detail", head: "detail", drop: 1, cut: 10, of: func(d difference) value { return d.any().Detail }},
}

func (d difference) in() string {
	switch {
	case d.there == nil:
		return d.names[0]
	case d.here == nil:
		return d.names[1]
	}
	return "both"
}

func (d difference) any() *Found { return cmp.Or(d.here, d.there) }

func openedAt(f *Found) sql.NullInt64   { return sql.NullInt64{Int64: f.OpenedAt, Valid: true} }
func resolvedAt(f *Found) sql.NullInt64 { return f.ResolvedAt }

func (d difference) time(f *Found, of func(*Found) sql.NullInt64) value {
	if f == nil {
		return nil
	}
	return timeOf(of(f))
}

func (d difference) lines(f *Found) value {
	if f == nil {
		return nil
	}
	return int64(f.Lines)
}

// later returns by how many seconds it was opened later here; less than 0 if earlier.
func (d difference) later() value {
	if d.here == nil || d.there == nil {
		return nil
	}
	return (d.here.OpenedAt - d.there.OpenedAt) / store.Second
}

// text says what differs, "" for nothing.
func (d difference) text() string {
	if d.here == nil || d.there == nil {
		return "only in " + d.in()
	}
	var parts []string
	add := func(part string) { parts = append(parts, part) }
	if by := d.here.OpenedAt - d.there.OpenedAt; by != 0 {
		add("opened " + laterBy(by))
	}
	switch a, b := d.here.ResolvedAt, d.there.ResolvedAt; {
	case a.Valid && b.Valid && a.Int64 != b.Int64:
		add("ended " + laterBy(a.Int64-b.Int64))
	case a.Valid && !b.Valid:
		add("ended here only")
	case b.Valid && !a.Valid:
		add("ended there only")
	case a.Valid && d.here.Resolution != d.there.Resolution:
		add("ended as " + d.here.Resolution.String + ", not " + d.there.Resolution.String)
	}
	if d.here.LostAt != d.there.LostAt {
		add("lost at another time")
	}
	if d.here.Cause != d.there.Cause {
		add("explained by " + cmp.Or(d.here.Cause, "nothing") + ", not " + cmp.Or(d.there.Cause, "nothing"))
	}
	if d.here.Lines != d.there.Lines {
		add(fmt.Sprintf("%d line(s), not %d", d.here.Lines, d.there.Lines))
	}
	return strings.Join(parts, ", ")
}

func laterBy(by int64) string {
	word := "later"
	if by < 0 {
		by, word = -by, "earlier"
	}
	if by < store.Minute {
		return fmt.Sprintf("%d s %s", by/store.Second, word)
	}
	return fmt.Sprintf("%d min %s", by/store.Minute, word)
}

// differences compares what two runs found. Incidents of the same subject and symptom are the
// same one if one began before the other ended.
func (r *Replayed) differences() (list []difference) {
	type key struct{ subject, symptom string }
	open := map[key][]*Found{}
	for n := range r.Other {
		f := &r.Other[n]
		k := key{f.Subject, f.Symptom}
		open[k] = append(open[k], f)
	}
	matched := map[*Found]bool{}
	for n := range r.Found {
		here := &r.Found[n]
		d := difference{here: here, names: r.Names}
		for _, there := range open[key{here.Subject, here.Symptom}] {
			if !matched[there] && here.BeganAt <= endOf(there) && there.BeganAt <= endOf(here) {
				d.there, matched[there] = there, true
				break
			}
		}
		if d.text() != "" {
			list = append(list, d)
		}
	}
	for n := range r.Other {
		if there := &r.Other[n]; !matched[there] {
			list = append(list, difference{there: there, names: r.Names})
		}
	}
	slices.SortStableFunc(list, func(a, b difference) int { return cmp.Compare(a.any().OpenedAt, b.any().OpenedAt) })
	return list
}

// endOf returns when an incident ended, in microseconds.
func endOf(f *Found) int64 {
	if f.ResolvedAt.Valid {
		return f.ResolvedAt.Int64
	}
	return store.MaxTime
}

// ReplayDiff writes the incidents that two runs did not find alike, oldest first.
func ReplayDiff(out io.Writer, s Style, r *Replayed) error {
	list := r.differences()
	d := document{table: tableOfAll(differenceColumns, list)}
	return r.render(out, s, d, fmt.Sprintf("%d difference(s)", len(list)))
}
