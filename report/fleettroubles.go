package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cis490/fleet-health/store"
)

// fleet is the state of all hosts at the end of a window.
type fleet struct {
	hosts   []*fleetHost    // in the order of the report
	open    []*openIncident // incidents
	asOf    int64           // the pass that judged them, in microseconds
	retired int             // hosts that are left out
}

// fleetAt returns the hosts that were known at the end of a window, with their states,
// symptoms and causes. These do not depend on the start of the window.
func fleetAt(tx *store.Tx, w Window, o FleetOptions) (*fleet, error) {
	f := &fleet{}
	if err := tx.SelectNamed(&f.hosts, fleetHostsSQL, map[string]any{"until": w.Until}); err != nil {
		return nil, err
	}
	if err := findLastShips(tx, f.hosts, w); err != nil {
		return nil, err
	}
	j, alerts, err := f.judge(tx, w, o.Silences)
	if err != nil {
		return nil, err
	}
	f.asOf = j.asOf
	f.blame(o.Outages)
	for _, h := range f.hosts {
		facts := hostFacts{lastShip: h.LastShip, open: alerts[h.Name], retired: h.Retired, unnamed: h.Name == store.InvalidHost || h.Name == store.OverflowHost,
			affected: h.cause != nil && !h.cause.Recovering || h.Awaited}
		if h.incident != nil {
			facts.open, facts.lost, facts.recovering = words{h.incident.Symptom}, h.incident.Lost, h.incident.Recovering
		}
		h.open, h.state, h.age = facts.open, stateOf(facts, j), since(h.LastShip, w.Until)
	}
	if !o.All {
		known := len(f.hosts)
		f.hosts = slices.DeleteFunc(f.hosts, func(h *fleetHost) bool { return h.Retired && !h.ShipsAgain })
		f.retired = known - len(f.hosts)
	}
	slices.SortStableFunc(f.hosts, func(a, b *fleetHost) int { return a.order() - b.order() })
	return f, nil
}

// judge reads the incidents, and the facts on which all states depend. alerts are the
// symptoms of the hosts at a time before the first incident.
func (f *fleet) judge(tx *store.Tx, w Window, silences []string) (j judged, alerts map[string]words, err error) {
	looks, err := looksAt(tx, w.Until)
	if err != nil {
		return j, nil, err
	}
	blindBefore, err := blind(tx, Window{Until: w.Until})
	if err != nil {
		return j, nil, err
	}
	blindTo := int64(0)
	for _, b := range blindBefore {
		blindTo = max(blindTo, b.to)
	}
	j = judgedAt(w.Until, blindTo, looks, silences)
	followed, err := followedAt(tx, w.Until)
	if err != nil {
		return j, nil, err
	}
	if j.before = !followed; j.before {
		alerts, err = alertsOpenAt(tx, w.Until, looks)
		return j, alerts, err
	}
	f.open, err = openIncidents(tx, w.Until)
	return j, nil, err
}

// blame gives the hosts their own incidents, and the causes of what they suffer. They do not
// suffer from a source that could not be read.
func (f *fleet) blame(outages []string) {
	byName := make(map[string]*fleetHost, len(f.hosts))
	for _, h := range f.hosts {
		byName[h.Name] = h
	}
	for _, i := range f.open {
		if h := byName[i.Subject]; h != nil {
			h.incident = i
			if i.cause != nil {
				h.cause = i.root()
			}
		}
	}
	for _, i := range roots(f.open) {
		if i.Subject == store.SubjectReceiver && !slices.Contains(outages, i.Symptom) {
			i.hosts = nil
		}
		for _, name := range i.hosts {
			// A host with an incident that nothing explains is in trouble by itself.
			if h := byName[name]; h != nil && h.incident == nil && h.cause == nil && !h.Retired {
				h.cause = i
			}
		}
	}
}

// rows returns the rows of the report: causes with their hosts, then all other hosts. Only
// people get rows of causes.
func (f *fleet) rows(people bool) (rows []fleetRow) {
	for _, i := range roots(f.open) {
		if i.isHost() {
			continue
		}
		if people {
			rows = append(rows, fleetRow{cause: i})
		}
		for _, h := range f.hosts {
			if h.cause == i {
				rows = append(rows, fleetRow{fleetHost: h})
			}
		}
	}
	for _, h := range f.hosts {
		if h.cause == nil {
			rows = append(rows, fleetRow{fleetHost: h})
		}
	}
	return rows
}

// summary returns the heading's counts: the troubles by their causes, and the hosts.
func (f *fleet) summary() []string {
	troubles, alone := 0, 0
	var causes []string
	for _, i := range roots(f.open) {
		switch {
		case i.Muted:
			continue
		case i.isHost():
			alone++
		default:
			causes = append(causes, i.said(f.open))
		}
		troubles++
	}
	affected, lost, unknown, gone, muted := 0, 0, 0, 0, 0
	for _, h := range f.hosts {
		switch {
		case h.Retired:
			continue
		case h.Muted:
			muted++
		case h.cause != nil || len(h.open) > 0 || h.state == stateAffected:
			affected++
		}
		switch h.state {
		case stateLost:
			lost++
		case stateUnknown:
			unknown++
		case stateGone:
			gone++
		}
	}
	first := fmt.Sprintf("%d trouble(s)", troubles)
	if len(causes) > 0 && alone > 0 {
		causes = append(causes, fmt.Sprintf("%d host(s) alone", alone))
	}
	if len(causes) > 0 {
		first += ": " + strings.Join(causes, " and ")
	}
	parts := []string{first, fmt.Sprintf("%d of %d host(s) affected", affected, len(f.hosts)), fmt.Sprintf("%d lost", lost), fmt.Sprintf("%d unknown", unknown)}
	for _, more := range []struct {
		n    int
		what string
	}{{gone, "gone"}, {muted, "muted"}, {f.retired, "retired (--all shows them)"}} {
		if more.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", more.n, more.what))
		}
	}
	return parts
}
