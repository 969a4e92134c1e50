package report

import (
	"database/sql"
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/cis490/fleet-health/store"
	"github.com/cis490/fleet-health/store/visible"
)

//go:embed openincidents.sql
var openIncidentsSQL string

// openIncident is an incident that was open at the end of a window.
type openIncident struct {
	ID          int64         `db:"id"`
	Subject     string        `db:"subject"`
	Symptom     string        `db:"symptom"`
	BeganAt     int64         `db:"began_at"` // microseconds
	Lost        bool          `db:"lost"`
	Recovering  bool          `db:"recovering"`
	Acked       bool          `db:"acked"`
	Muted       bool          `db:"muted"` // its host is
	ExplainedBy sql.NullInt64 `db:"explained_by"`

	cause *openIncident // one that is open, too; nil for none
	hosts []string      // of the receiver or a group
}

func (i *openIncident) isHost() bool {
	return i.Subject != store.SubjectReceiver && i.Subject != store.SubjectGroup
}

// root returns the incident that explains this one and is not explained itself.
func (i *openIncident) root() *openIncident {
	for i.cause != nil {
		i = i.cause
	}
	return i
}

// openIncidents returns the incidents that were open at a time in microseconds, oldest
// first.
func openIncidents(tx *store.Tx, until int64) (open []*openIncident, err error) {
	if err := tx.SelectNamed(&open, openIncidentsSQL, map[string]any{"until": until}); err != nil {
		return nil, err
	}
	byID := map[int64]*openIncident{}
	for _, i := range open {
		byID[i.ID] = i
		if !i.isHost() {
			if i.hosts, err = tx.IncidentHosts(&store.Incident{ID: i.ID, Subject: i.Subject}, until); err != nil {
				return nil, err
			}
		}
	}
	for _, i := range open {
		if by := byID[i.ExplainedBy.Int64]; by != nil && by.root() != i {
			i.cause = by
		}
	}
	return open, nil
}

// followedAt reports whether incidents were followed at a time in microseconds. They were
// not before the first one, in a database of an older version.
func followedAt(tx *store.Tx, at int64) (bool, error) {
	var first []int64
	err := tx.SelectNamed(&first, "SELECT opened_at FROM incidents ORDER BY id LIMIT 1", nil)
	return len(first) == 0 || first[0] <= at, err
}

// roots returns the incidents that no open one explains, the receiver's and groups' first.
func roots(open []*openIncident) (found []*openIncident) {
	for _, i := range open {
		if i.cause == nil {
			found = append(found, i)
		}
	}
	slices.SortStableFunc(found, func(a, b *openIncident) int { return rankOf(a.Subject) - rankOf(b.Subject) })
	return found
}

func rankOf(subject string) int {
	switch subject {
	case store.SubjectReceiver:
		return 0
	case store.SubjectGroup:
		return 1
	}
	return 2
}

// said returns an incident in a few words: receiver-failing of 20 host(s), lab-05 silent.
// Hosts that are in trouble by themselves do not count. open are all open incidents.
func (i *openIncident) said(open []*openIncident) string {
	if i.isHost() {
		return Cell(i.Subject) + " " + i.Symptom
	}
	alone := map[string]bool{}
	for _, other := range open {
		alone[other.Subject] = alone[other.Subject] || other.root() != i
	}
	n := 0
	for _, host := range i.hosts {
		if !alone[host] {
			n++
		}
	}
	if n == 0 {
		return i.Symptom
	}
	return fmt.Sprintf("%s of %d host(s)", i.Symptom, n)
}

// maxSaid limits the troubles that the line of Open names.
const maxSaid = 5

// Open reports whether an incident is open at a time in microseconds that no other explains,
// that is not acknowledged and whose host is not muted. It describes such incidents in one
// line.
func Open(tx *store.Tx, now int64) (line string, any bool, err error) {
	open, err := openIncidents(tx, now)
	if err != nil {
		return "", false, err
	}
	var said []string
	quiet := 0
	for _, i := range roots(open) {
		if i.Acked || i.Muted {
			quiet++
			continue
		}
		said = append(said, fmt.Sprintf("%s since %s", i.said(open), Style{}.stamp(i.BeganAt)))
	}
	if len(said) == 0 {
		line = "ok: no trouble is open"
		if quiet > 0 {
			line += fmt.Sprintf(" but %d acknowledged or muted", quiet)
		}
		return line, false, nil
	}
	line = fmt.Sprintf("%d trouble(s): %s", len(said), strings.Join(said[:min(maxSaid, len(said))], ", "))
	if len(said) > maxSaid {
		line += fmt.Sprintf(" and %d more", len(said)-maxSaid)
	}
	return line, true, nil
}

// Outage reports whether an incident of the receiver is open, with one of the symptoms of a
// receiver that takes no episodes, and that no other explains. It describes it in one line.
func Outage(tx *store.Tx, now int64, symptoms []string) (line string, open bool, err error) {
	list, err := tx.Incidents(store.IncidentFilter{Until: now})
	for _, i := range list {
		if i.Subject == store.SubjectReceiver && !i.ExplainedBy.Valid && slices.Contains(symptoms, i.Symptom) {
			return visible.Escape(fmt.Sprintf("%s for %s, incident %d: %s", i.Symptom, Age(now-i.BeganAt), i.ID, i.Detail)), true, err
		}
	}
	return "", false, err
}
