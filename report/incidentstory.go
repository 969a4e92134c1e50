package report

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/cis490/fleet-health/store"
	"github.com/cis490/fleet-health/store/visible"
)

// Incident writes the story of an incident, as of now in microseconds. People get several
// tables, what to do, and the SQL that found it. Programs get one row. queryText returns the
// SQL of a detector by its name. The errors include ErrUnknownIncident.
func Incident(tx *store.Tx, out io.Writer, s Style, id, now int64, queryText func(name string) (string, error)) error {
	t, err := readStory(tx, id, now, queryText)
	if err != nil {
		return err
	}
	if !s.forPeople() {
		return render(out, s, document{table: tableOfAll(storyColumns, []*story{t})})
	}
	documents := []document{t.figures(s)}
	events := tableOfAll(storyEventColumns, t.lastEvents())
	documents = append(documents, titled(events, fmt.Sprintf("%d event(s)", len(t.events))))
	for _, part := range []struct {
		facts []storyFact
		title string
		fact  string
	}{{t.alerts, "alerts", "symptom"}, {t.acts, "acts of operators", "act"}, {t.evidence, "last facts", "fact"}} {
		if len(part.facts) > 0 {
			documents = append(documents, titled(tableOfAll(storyFactColumns(part.fact), part.facts), part.title))
		}
	}
	documents[len(documents)-1].below = func(p page) (string, error) {
		text := p.advice("what to do:", visible.Escape(t.Fix))
		if t.query != "" {
			text += p.verbatim("the query that found it, for sqlite3 -readonly:", t.query)
		}
		return text, nil
	}
	return render(out, s, documents...)
}

func titled(t table, title string) document {
	return document{table: t, above: func() (above, error) { return above{heading: []string{title}}, nil }}
}

// storyLine is a line of the first table of a story.
type storyLine struct {
	item  string
	value value
}

// saidShown limits the receiver's errors that people see.
const saidShown = 3

var storyLineColumns = []column[storyLine]{
	{head: "item", of: func(l storyLine) value { return l.item }},
	{head: "value", cut: 20, of: func(l storyLine) value { return l.value }},
}

// figures returns the document of the first table: the incident, and its figures.
func (t *story) figures(s Style) document {
	lines := []storyLine{
		{"state", state(t.state)},
		{"began", timestamp(t.BeganAt)},
		{"opened", timestamp(t.OpenedAt)},
		{"last found", timestamp(t.LastFoundAt)},
		{"lasts", lasts(&t.Incident)},
		{"lost", timeOf(t.LostAt)},
		{"resolved", timeOf(t.ResolvedAt)},
		{"acknowledged", t.acknowledged(s)},
		{"detail", t.Detail},
		{"at its worst", t.worst()},
		{"explained by", t.related(t.cause)},
	}
	for n := range t.explains {
		if n == maxSaid {
			lines = append(lines, storyLine{"explains", fmt.Sprintf("%d more", len(t.explains)-maxSaid)})
			break
		}
		lines = append(lines, storyLine{"explains", t.related(&t.explains[n])})
	}
	if len(t.hosts) != 1 || t.hosts[0] != t.Subject {
		lines = append(lines, storyLine{"hosts", t.hosts})
	}
	for _, c := range t.commits {
		lines = append(lines, storyLine{"commit", fmt.Sprintf("%s: %s→%s in the hour of %s", c.Host, cmp.Or(short(c.Before), "none"), cmp.Or(short(c.Commit), "none"),
			show(minute(c.At), s.zone()))})
	}
	for _, w := range t.said[:min(saidShown, len(t.said))] {
		lines = append(lines, storyLine{"receiver said", fmt.Sprintf("%d× %s", w.Count, w.Text)})
	}
	if t.unit != "" {
		lines = append(lines, storyLine{"receiver's unit", t.unit + " since " + s.stamp(t.unitSince)})
	}
	lines = append(lines, storyLine{"PUTs over time", t.puts}, storyLine{"failures", t.failures}, storyLine{"ships", t.ships}, storyLine{"status codes", t.statuses})
	shown := lines[:0]
	for _, l := range lines {
		if l.value != nil && show(l.value, s.zone()) != "" {
			shown = append(shown, l)
		}
	}
	return document{table: tableOfAll(storyLineColumns, shown), above: func() (above, error) {
		return above{heading: []string{fmt.Sprintf("incident %d: %s %s", t.ID, Cell(t.Subject), t.Symptom), "as of " + s.stamp(t.window.Until)}}, nil
	}}
}

// acknowledged returns until when the incident is acknowledged, nil for not at all.
func (t *story) acknowledged(s Style) value {
	switch {
	case !t.AckedUntil.Valid:
		return nil
	case t.AckedUntil.Int64 >= store.MaxTime:
		return "until it ends"
	}
	return "until " + s.stamp(t.AckedUntil.Int64)
}

// worst returns the detail at the worst time, nil if that is now.
func (t *story) worst() value {
	if t.WorstDetail == t.Detail || t.WorstDetail == "" {
		return nil
	}
	return t.WorstDetail
}

// related describes another incident, nil for none.
func (t *story) related(i *store.Incident) value {
	if i == nil {
		return nil
	}
	return fmt.Sprintf("%d %s %s, %s", i.ID, i.Subject, i.Symptom, incidentState(i, t.window.Until))
}

var storyEventColumns = []column[store.IncidentEvent]{
	{head: "at", of: func(e store.IncidentEvent) value { return timestamp(e.At) }},
	{head: "event", of: func(e store.IncidentEvent) value { return e.Event }},
	{head: "symptom", of: func(e store.IncidentEvent) value { return e.Symptom }},
	{head: "said", of: func(e store.IncidentEvent) value { return e.Said }},
	{head: "detail", cut: 10, of: func(e store.IncidentEvent) value { return e.Detail }},
}

// storyFactColumns returns the columns of facts. fact is the head of their kind.
func storyFactColumns(fact string) []column[storyFact] {
	return []column[storyFact]{
		{head: "at", of: func(f storyFact) value { return timestamp(f.At) }},
		{head: "host", cut: 12, of: func(f storyFact) value { return f.Host }},
		{head: fact, of: func(f storyFact) value { return f.Fact }},
		{head: "detail", cut: 10, of: func(f storyFact) value { return f.Detail }},
	}
}

var storyColumns = []column[*story]{
	{key: "id", of: func(t *story) value { return t.ID }},
	{key: "subject", of: func(t *story) value { return t.Subject }},
	{key: "symptom", of: func(t *story) value { return t.Symptom }},
	{key: "state", of: func(t *story) value { return t.state }},
	{key: "began_at", of: func(t *story) value { return timestamp(t.BeganAt) }},
	{key: "opened_at", of: func(t *story) value { return timestamp(t.OpenedAt) }},
	{key: "last_found_at", of: func(t *story) value { return timestamp(t.LastFoundAt) }},
	{key: "lost_at", of: func(t *story) value { return timeOf(t.LostAt) }},
	{key: "resolved_at", of: func(t *story) value { return timeOf(t.ResolvedAt) }},
	{key: "resolution", of: func(t *story) value { return textOf(t.Resolution) }},
	{key: "acknowledged_until", of: func(t *story) value { return timeOf(t.AckedUntil) }},
	{key: "lasts_seconds", of: func(t *story) value { return lasts(&t.Incident) }},
	{key: "detail", of: func(t *story) value { return t.Detail }},
	{key: "worst_detail", of: func(t *story) value { return t.WorstDetail }},
	{key: "explained_by", of: func(t *story) value { return idOf(t.ExplainedBy) }},
	{key: "explains", of: func(t *story) value { return t.explained() }},
	{key: "hosts", of: func(t *story) value { return t.hosts }},
	{key: "commits", of: func(t *story) value { return t.commitWords() }},
	{key: "puts_over_time", of: func(t *story) value { return t.puts }},
	{key: "failures_over_time", of: func(t *story) value { return t.failures }},
	{key: "ships_over_time", of: func(t *story) value { return t.ships }},
	{key: "statuses", of: func(t *story) value { return t.statuses }},
	{key: "receiver_said", of: func(t *story) value { return t.saidWords() }},
	{key: "receiver_unit", of: func(t *story) value { return t.unit }},
	{key: "events", of: func(t *story) value { return t.eventWords() }},
	{key: "alerts", of: func(t *story) value { return factWords(t.alerts) }},
	{key: "acts", of: func(t *story) value { return factWords(t.acts) }},
	{key: "evidence", of: func(t *story) value { return factWords(t.evidence) }},
	{key: "suggested_fix", of: func(t *story) value { return t.Fix }},
	{key: "query", of: func(t *story) value { return t.query }},
}

func (t *story) explained() (found ids) {
	for _, i := range t.explains {
		found = append(found, i.ID)
	}
	return found
}

func (t *story) commitWords() (found words) {
	for _, c := range t.commits {
		found = append(found, strings.Join([]string{timestamp(c.At).utc(), c.Host, cmp.Or(c.Before, "none"), cmp.Or(c.Commit, "none")}, " "))
	}
	return found
}

// saidWords returns a text for each error of the receiver: how often it came, and the error.
func (t *story) saidWords() (found words) {
	for _, w := range t.said {
		found = append(found, fmt.Sprintf("%d %s", w.Count, w.Text))
	}
	return found
}

func (t *story) eventWords() (found words) {
	for _, e := range t.events {
		found = append(found, timestamp(e.At).utc()+" "+e.Event+" "+e.Symptom)
	}
	return found
}

// factWords returns a text for each fact: its time, its host, its kind and its detail.
func factWords(facts []storyFact) (found words) {
	for _, f := range facts {
		found = append(found, strings.TrimSpace(strings.Join([]string{timestamp(f.At).utc(), f.Host, f.Fact, f.Detail}, " ")))
	}
	return found
}
