package histories

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cis490/fleet-health/detect"
	"github.com/cis490/fleet-health/store"
)

// predecessorSymptoms are those whose alerts the model expects by itself. Alerts of other
// symptoms come from what was said about incidents.
var predecessorSymptoms = []string{"silent", "fatal-only", "unstamped"}

// saidQuery returns the events that raise alerts. Its table names may have a prefix.
const saidQuery = `SELECT i.subject || ' ' || e.symptom || ' ' || e.event || ' ' || e.at
	FROM %[1]sincident_events AS e
	JOIN %[1]sincidents AS i ON i.id = e.incident_id
	WHERE e.said = 1 AND e.event IN ('opened', 'repeated')`

// noteSaid records the alerts that the events must have raised. An incident that has changed
// its symptom raises an alert of the symptom that was found.
func (m *machine) noteSaid(events []string) {
	for _, event := range events {
		var subject, symptom, what string
		var at int64
		fmt.Sscan(event, &subject, &symptom, &what, &at)
		for _, may := range []string{detect.Rejected, detect.Partial, detect.Overdue} {
			m.alerts.allowed[alertKey(subject, may, at)] = true
		}
		if key := alertKey(subject, symptom, at); what == store.EventOpened && !slices.Contains(predecessorSymptoms, symptom) {
			m.alerts.required[key] = true
		} else if !slices.Contains(predecessorSymptoms, symptom) {
			m.alerts.allowed[key] = true
		}
	}
}

// unsoundIncidents find incidents that contradict themselves or each other, by what is wrong.
var unsoundIncidents = map[string]string{
	"incidents that are found before they open, or go on after their end": `SELECT subject || ' ' || symptom || ' ' || id FROM incidents
		WHERE NOT (began_at <= opened_at AND opened_at <= last_found_at AND last_found_at <= COALESCE(clear_at, resolved_at, last_found_at)
		  AND COALESCE(clear_at, 0) <= COALESCE(resolved_at, clear_at, 0))`,
	"incidents that are said twice within an hour": `SELECT incident_id || ' at ' || at
		FROM (
		  SELECT incident_id, at, at - LAG(at) OVER (PARTITION BY incident_id ORDER BY id) AS since
		  FROM incident_events
		  WHERE event IN ('opened', 'repeated') AND (said = 1 OR event = 'repeated')
		)
		WHERE since < 3600000000`,
}

// contradictions are unsound whatever the clock has said.
var contradictions = map[string]string{
	"subjects with two incidents at a time": `SELECT subject FROM incidents WHERE resolved_at IS NULL AND subject NOT IN ('(receiver)', '(group)') GROUP BY subject HAVING COUNT(*) > 1`,
	"open incidents whose cause has ended":  `SELECT i.subject || ' ' || i.id FROM incidents AS i JOIN incidents AS c ON c.id = i.explained_by WHERE i.resolved_at IS NULL AND c.resolved_at IS NOT NULL`,
	"incidents without their events": `SELECT i.id || ' ' || COUNT(*) FILTER (WHERE event = 'opened') || ' ' || COUNT(*) FILTER (WHERE event = 'resolved')
		FROM incidents AS i
		LEFT JOIN incident_events AS e ON e.incident_id = i.id
		GROUP BY i.id
		HAVING COUNT(*) FILTER (WHERE event = 'opened') <> 1
		  OR COUNT(*) FILTER (WHERE event = 'resolved') <> (i.resolved_at IS NOT NULL)`,
	"incidents whose end was said otherwise than they": `SELECT i.id || ' ' || e.said FROM incidents AS i JOIN incident_events AS e ON e.incident_id = i.id AND e.event = 'resolved'
		WHERE e.said <> (i.said_at IS NOT NULL)`,
}

// checkIncidents checks the incidents that a pass has left. What it could not read has
// opened and ended none.
func (m *machine) checkIncidents(p passRead, held map[string]bool) {
	m.noteSaid(m.rows(fmt.Sprintf(saidQuery, "")))
	for what, query := range contradictions {
		m.same(what, nil, m.rows(query))
	}
	if !m.stepped {
		for what, query := range unsoundIncidents {
			m.same(what, nil, m.rows(query))
		}
	}
	var amiss []string
	for _, row := range m.rows(fmt.Sprintf(`SELECT symptom || ' ' || event FROM incident_events WHERE at = %d AND event IN ('opened', 'resolved')`, p.now)) {
		symptom, _, _ := strings.Cut(row, " ")
		if index, puts := needs(symptom); index && (held["silent"] || !p.index) || puts && (held["fatal-only"] || p.noPuts) {
			amiss = append(amiss, row)
		}
	}
	m.same("events of what was not read", nil, amiss)
}

// needs returns the sources without which no incident of a symptom opens or ends. A group
// explains the incidents of its hosts, which may flap for any reason.
func needs(symptom string) (index, puts bool) {
	switch symptom {
	case detect.IndexUnread, detect.JournalUnread, detect.Unreadable:
		return false, false
	case detect.Silent, detect.GroupSilent:
		return true, false
	case detect.ReceiverSilent, detect.IndexStuck:
		return true, true
	case detect.Flapping:
		return false, false
	}
	return false, true
}
