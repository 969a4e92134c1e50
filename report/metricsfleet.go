package report

import (
	"strconv"

	"github.com/cis490/fleet-health/store"
	"github.com/prometheus/client_golang/prometheus"
)

// Descriptions of all metrics. Ships and PUTs are gauges of the last hour. Their counts over
// the retention are no counters, because pruning lowers them; and a sum over all rollups
// would read the whole history every time.
var (
	buildInfo = desc("build_info", "Always 1. The version of the program.", "version")

	hostsByState  = desc("hosts", "Hosts by state, as report shows it.", "state")
	hostsLeftOut  = desc("hosts_left_out", "Hosts without metrics of their own, because there are too many.")
	openByStatus  = desc("open_incidents", "Open incidents. The status open needs a person; explained has a cause that is another incident.", "symptom", "status")
	shipsLastHour = desc("ships_last_hour", "Ships of all hosts in the last hour.")
	putsLastHour  = desc("puts_last_hour", "PUTs of all hosts in the last hour, by class of their status.", "class")

	hostState    = desc("host_state", "Always 1. The state of a host, as report shows it.", "host", "state")
	hostLastShip = desc("host_last_ship_timestamp_seconds", "Time of the host's last ship. A host that never shipped has none.", "host")
	hostShips    = desc("host_ships_last_hour", "Ships of the host in the last hour.", "host")
	hostPuts     = desc("host_puts_last_hour", "PUTs of the host in the last hour, by class of their status. Missing if they are not known.", "host", "class")

	lastPass      = desc("last_pass_timestamp_seconds", "Time of the last pass; 0 for none.")
	lastSuccess   = desc("last_successful_pass_timestamp_seconds", "Time of the last pass that succeeded; 0 for none.")
	heldBackSince = desc("detector_held_back_since_timestamp_seconds", "Time since which a symptom is not looked for.", "symptom")
	sourceNewest  = desc("source_newest_fact_timestamp_seconds", "Time of the newest fact that was read from the source.", "source")
	sourceUnread  = desc("source_unread_bytes", "Bytes of the source that are not read yet.", "source")
	openGaps      = desc("open_gaps", "Periods on record in which a source was not read, and has not been since.", "source", "reason")
	gapEnd        = desc("open_gap_end_timestamp_seconds", "End of the latest such period. It moves while the source stays unread.", "source", "reason")
	databaseSize  = desc("database_size_bytes", "Size of the database file, without its write-ahead log.")
)

// hostStates are all states of a host. One without hosts has the value 0.
var hostStates = []state{stateFailing, stateSilent, stateLost, stateRecovering, stateUnknown, stateGone, stateNever, stateAffected, stateRetired, stateHealthy}

// fleet adds the incidents, and what the fleet's report over the last hour has. Hosts in
// trouble come first, then unknown ones.
func (c *collector) fleet(tx *store.Tx, now int64, o MetricsOptions) error {
	w := Window{Since: max(now-recently, 0), Until: now}
	blindIn, err := blind(tx, w)
	if err != nil {
		return err
	}
	f, err := fleetAt(tx, w, FleetOptions{Silences: o.Silences, Outages: o.Outages, All: true})
	if err != nil {
		return err
	}
	if err := countFleet(tx, f.hosts, w, w.bars(), blindIn); err != nil {
		return err
	}
	c.incidents(f.open, o.Symptoms)
	states, all, shown, leftOut := map[state]int{}, fleetHost{statuses: counts{}}, 0, 0
	for _, h := range f.hosts {
		states[h.state]++
		all.ships += h.ships
		for status, n := range h.statuses {
			all.statuses[status] += n
		}
		switch {
		case h.Retired && !h.ShipsAgain:
		case shown == maxMetricHosts:
			leftOut++
		default:
			shown++
			c.host(h)
		}
	}
	for _, s := range hostStates {
		c.gauge(hostsByState, float64(states[s]), string(s))
	}
	c.gauge(hostsLeftOut, float64(leftOut))
	c.gauge(shipsLastHour, float64(all.ships))
	c.puts(putsLastHour, &all)
	return nil
}

func (c *collector) host(h *fleetHost) {
	c.gauge(hostState, 1, h.Name, string(h.state))
	if h.LastShip.Valid {
		c.at(hostLastShip, h.LastShip.Int64, h.Name)
	}
	c.gauge(hostShips, float64(h.ships), h.Name)
	if !h.noPuts() {
		c.puts(hostPuts, h, h.Name)
	}
}

// puts adds the classes of a report. labels come before that of the class.
func (c *collector) puts(desc *prometheus.Desc, h *fleetHost, labels ...string) {
	for _, class := range []int{2, 4, 5} {
		c.gauge(desc, float64(h.statuses.class(class)), append(labels, strconv.Itoa(class)+"xx")...)
	}
}

// incidents adds the open incidents by symptom and status. The status open is that of an
// incident for which `report --check` fails.
func (c *collector) incidents(open []*openIncident, symptoms []string) {
	type key struct{ symptom, status string }
	n := map[key]int{}
	for _, symptom := range symptoms {
		n[key{symptom, "open"}] = 0
	}
	for _, i := range open {
		status := "open"
		switch {
		case i.cause != nil:
			status = "explained"
		case i.Acked:
			status = "acknowledged"
		case i.Muted:
			status = "muted"
		}
		n[key{i.Symptom, status}]++
	}
	for k, times := range n {
		c.gauge(openByStatus, float64(times), k.symptom, k.status)
	}
}
