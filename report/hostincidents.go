package report

import (
	"fmt"
	"slices"

	"github.com/cis490/fleet-health/store"
)

// hostIncident is an incident that concerns a host.
type hostIncident struct{ store.Incident }

// openAt reports whether the incident was open at a time in microseconds.
func (i hostIncident) openAt(at int64) bool {
	return !i.ResolvedAt.Valid || i.ResolvedAt.Int64 > at
}

// endedShown limits the ended incidents that stand below a host's history.
const endedShown = 3

// hostIncidents returns the incidents of a host that are open at a time in microseconds,
// oldest first, and before them its own that ended last.
func hostIncidents(tx *store.Tx, host string, until int64) (found []hostIncident, err error) {
	list, err := tx.Incidents(store.IncidentFilter{Host: host, All: true, Until: until})
	if err != nil {
		return nil, err
	}
	var ended []hostIncident
	for _, one := range list {
		i := hostIncident{one}
		switch {
		case i.openAt(until):
			found = append(found, i)
		case i.Subject == host:
			ended = append(ended, i)
		}
	}
	slices.SortStableFunc(ended, func(a, b hostIncident) int { return int(max(-1, min(1, a.ResolvedAt.Int64-b.ResolvedAt.Int64))) })
	return append(ended[max(0, len(ended)-endedShown):], found...), nil
}

// incidentLines returns the lines about incidents below a host's history.
func incidentLines(incidents []hostIncident, until int64, p page, s Style) (text string) {
	for _, i := range incidents {
		line := fmt.Sprintf("incident %d: ", i.ID)
		if i.Subject == store.SubjectReceiver || i.Subject == store.SubjectGroup {
			line += i.Subject + " "
		}
		line += fmt.Sprintf("%s since %s, ", i.Symptom, show(minute(i.BeganAt), s.zone()))
		if i.openAt(until) {
			line += incidentState(&i.Incident, until)
		} else {
			line += fmt.Sprintf("%s after %s", i.Resolution.String, Age(int64(lasts(&i.Incident))*store.Second))
		}
		if i.ExplainedBy.Valid {
			line += fmt.Sprintf(", explained by %d", i.ExplainedBy.Int64)
		}
		text += p.line(line+": "+Cell(i.Detail)) + "\n"
	}
	if text != "" {
		text = "\n" + text
	}
	return text
}
