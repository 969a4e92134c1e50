package longlife

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/cis490/fleet-health/cmd/internal/fleettest"
	"github.com/cis490/fleet-health/detect"
	"github.com/cis490/fleet-health/store"
)

// hostHour is an hour of a host, and the kind of facts that are counted.
type hostHour struct {
	host string
	hour int64
}

type counted struct{ ships, puts2xx, puts4xx, puts5xx, unstamped int }

func (l *life) count(h *labHost, at int64) *counted {
	key := hostHour{h.name, at / store.Hour}
	if l.hours[key] == nil {
		l.hours[key] = &counted{}
	}
	return l.hours[key]
}

// expect records the alerts that the current pass must raise with the default thresholds. A
// disturbed pass may raise them or not. A detector whose source could not be read raises
// none.
func (l *life) expect() {
	if l.fault == databaseLocked {
		return
	}
	sure := l.fault != passKilled && l.fault != passCancelled
	if l.cut && l.fault != indexMissing {
		l.cut, l.cutMin, l.cutMax = !sure, cmp.Or(l.cutMin, l.now.UnixMicro()), l.now.UnixMicro()
	}
	for _, h := range l.hosts {
		for symptom, found := range map[string]bool{
			"silent":     l.fault != indexMissing && l.silent(h, l.cutMin),
			"fatal-only": l.fault != dumpTorn && l.fatalOnly(h),
			"unstamped":  l.fault != dumpTorn && len(recent(&h.unstamped, l.now.UnixMicro())) >= 10,
		} {
			if !found {
				continue
			}
			key := detect.Key(h.name, symptom, l.now.UnixMicro())
			l.maybe[key] = symptom
			if sure && (symptom != "silent" || l.silent(h, l.cutMax)) {
				l.surely[key] = symptom
			}
		}
	}
}

// silent reports whether a host is silent. A line may be lost while the index is copied and
// truncated, so the threshold of a host that shipped last before the pass that found this
// counts from that pass.
func (l *life) silent(h *labHost, cut int64) bool {
	now := l.now.UnixMicro()
	since := now - h.lastShip
	return since <= 24*store.Hour && since > 30*store.Minute && (h.lastShip > cut || now-cut > 30*store.Minute)
}

func (l *life) fatalOnly(h *labHost) bool {
	return len(recent(&h.failed, l.now.UnixMicro())) >= 10 && len(recent(&h.accepted, l.now.UnixMicro())) == 0
}

// recent removes the times before the window of the detectors, and returns the others.
func recent(times *[]int64, now int64) []int64 {
	for len(*times) > 0 && (*times)[0] < now-30*store.Minute {
		*times = (*times)[1:]
	}
	return *times
}

// rows returns the rows of a query with one column.
func (l *life) rows(query string) []string {
	l.t.Helper()
	text := strings.TrimPrefix(fleettest.Asked(l.t, l.dir, query), "--\n")
	if strings.Contains(text, "fleet.db") {
		l.t.Fatal(text)
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

func (l *life) number(query string) int64 {
	l.t.Helper()
	n, err := strconv.ParseInt(l.rows(query)[0], 10, 64)
	l.check(err)
	return n
}

// countsAreRight compares the stored counts of each hour and host with the facts that were
// written.
func (l *life) countsAreRight() {
	l.t.Helper()
	stored := map[string]bool{}
	for _, row := range l.rows(`SELECT host || ' ' || hour_number || ' ' || ships || ' ' || puts_2xx || ' ' || puts_4xx || ' ' || puts_5xx || ' ' || unstamped
		FROM host_hourly`) {
		stored[row] = true
	}
	if len(stored) != len(l.hours) {
		l.t.Errorf("%d hours of hosts are counted, and %d were written", len(stored), len(l.hours))
	}
	wrong := 0
	for key, c := range l.hours {
		want := fmt.Sprint(key.host, " ", key.hour, " ", c.ships, " ", c.puts2xx, " ", c.puts4xx, " ", c.puts5xx, " ", c.unstamped)
		if stored[want] {
			continue
		}
		if wrong++; wrong < 5 {
			l.t.Errorf("nothing counts %q", want)
		}
	}
	if wrong > 0 {
		l.t.Errorf("%d of %d hours of hosts are counted wrong", wrong, len(l.hours))
	}
}

// alertsAreRight checks the alerts: each required alert is once in the database and once in
// all files of alerts, and there is none that is not allowed.
func (l *life) alertsAreRight() {
	l.t.Helper()
	stored, ofIncidents := map[string]int{}, map[string]bool{}
	for _, row := range l.rows("SELECT dedup_key || ' ' || symptom FROM alert_log") {
		key, symptom, _ := strings.Cut(row, " ")
		stored[key]++
		ofIncidents[key] = !slices.Contains([]string{"silent", "fatal-only", "unstamped"}, symptom)
	}
	inFiles := map[string]int{}
	paths, err := filepath.Glob(l.path("alerts*"))
	l.check(err)
	for _, path := range paths {
		content, err := os.ReadFile(path)
		l.check(err)
		for line := range strings.Lines(string(content)) {
			var alert struct {
				Key string `json:"dedup_key"`
			}
			l.check(json.Unmarshal([]byte(line), &alert))
			inFiles[alert.Key]++
		}
	}
	symptoms := map[string]int{}
	for key, symptom := range l.surely {
		if symptoms[symptom]++; stored[key] != 1 {
			l.t.Errorf("%s alert %s is stored %d times", symptom, key, stored[key])
		}
	}
	for key, n := range stored {
		if l.maybe[key] == "" && !ofIncidents[key] || n != 1 || inFiles[key] != 1 {
			l.t.Errorf("%s alert %s is stored %d times, and %d times in the files", l.maybe[key], key, n, inFiles[key])
		}
	}
	for key := range inFiles {
		if stored[key] == 0 {
			l.t.Errorf("alert %s stands in a file, and not in the database", key)
		}
	}
	if len(symptoms) != 3 {
		l.t.Errorf("of three symptoms, there were %v", symptoms)
	}
}

// incidentsAreRight checks that what was said about incidents raised the alerts of the other
// symptoms, and that there are no more incidents and events than the troubles of hosts and
// the faults of passes explain.
func (l *life) incidentsAreRight() {
	l.t.Helper()
	before := l.now.UnixMicro() - int64(l.retention)*24*store.Hour
	for what, query := range map[string]string{
		"alerts that were not said": `SELECT COUNT(*) FROM alerts AS a WHERE symptom NOT IN ('silent', 'fatal-only', 'unstamped') AND NOT EXISTS (
			SELECT 1 FROM incidents AS i JOIN incident_events AS e ON e.incident_id = i.id WHERE i.subject = a.host AND e.at = a.detected_at AND e.said = 1)
			AND NOT EXISTS ( -- what is said again is kept as long as raw rows
			SELECT 1 FROM incidents AS i WHERE i.subject = a.host AND a.detected_at > i.opened_at AND a.detected_at <= i.last_found_at AND a.detected_at < ` + strconv.FormatInt(before, 10) + `)`,
		"hosts with two incidents at a time": `SELECT COUNT(*) FROM (SELECT 1 FROM incidents WHERE resolved_at IS NULL AND subject NOT LIKE '(%' GROUP BY subject HAVING COUNT(*) > 1)`,
		"events that came twice":             `SELECT COUNT(*) - COUNT(DISTINCT incident_id || event || at) FROM incident_events`,
		"incidents without their end":        `SELECT COUNT(*) FROM incidents WHERE resolved_at IS NOT (SELECT at FROM incident_events WHERE incident_id = incidents.id AND event = 'resolved')`,
	} {
		if n := l.number(query); n != 0 {
			l.t.Errorf("%d %s", n, what)
		}
	}
	incidents, events := l.number("SELECT COUNT(*) FROM incidents"), l.number("SELECT COUNT(*) FROM incident_events")
	hours := l.number("SELECT SUM(COALESCE(resolved_at, last_found_at) - opened_at) / 3600000000 FROM incidents")
	l.t.Logf("incidents: %d, and %d events in %d hours, of %d troubles and %d faults: %v", incidents, events, hours, l.troubles, l.disturbed(), l.rows("SELECT symptom || ' ' || COUNT(*) FROM incidents GROUP BY symptom"))
	if most := int64(2*l.troubles + l.disturbed()); incidents > most || events > 3*incidents+hours {
		l.t.Errorf("there are %d incidents and %d events, of %d troubles and %d faults", incidents, events, l.troubles, l.disturbed())
	}
	if n := l.number("SELECT COUNT(*) FROM thresholds"); n > 50 {
		l.t.Errorf("there are %d thresholds", n)
	}
	if hosts, slots := l.number("SELECT COUNT(*) FROM rhythms"), l.number("SELECT COUNT(*) FROM rhythm_hours"); hosts > int64(len(l.hosts)) || slots > hosts*store.Slots {
		l.t.Errorf("%d hosts have a rhythm, of %d hours", hosts, slots)
	}
}

// oldRowsAreGone checks that rows younger than the retention are there, and older ones are
// not. Pruning may be late by the current hour and by the passes of eight hours.
func (l *life) oldRowsAreGone() {
	l.t.Helper()
	begin := (l.now.UnixMicro()/store.Hour - int64(l.retention)*24)
	ships := 0
	for key, c := range l.hours {
		if key.hour >= begin {
			ships += c.ships
		}
	}
	if n := l.number(fmt.Sprintf("SELECT COUNT(*) FROM ships WHERE received_at >= %d", begin*store.Hour)); n != int64(ships) {
		l.t.Errorf("%d ships of the last %d days are there, and %d were written", n, l.retention, ships)
	}
	oldest := l.number("SELECT MIN((SELECT MIN(received_at) FROM ships), (SELECT MIN(at) FROM puts), (SELECT MIN(at) FROM rejections))")
	if late := begin - oldest/store.Hour; late > 10 {
		l.t.Errorf("the oldest row should have been pruned %d hours ago", late)
	}
}

// held has the size of the database, by its parts.
type held struct {
	file, raw, rollups, others int64 // bytes
	hostHours                  int64
}

func (l *life) held() (h held) {
	l.t.Helper()
	info, err := os.Stat(l.path("fleet.db"))
	l.check(err)
	size := "SELECT COALESCE(SUM(pgsize), 0) FROM dbstat WHERE aggregate = 1 AND name "
	h.file, h.hostHours = info.Size(), int64(len(l.hours))
	h.raw = l.number(size + "IN ('ships', 'puts', 'rejections')")
	h.rollups = l.number(size + "IN ('ship_hours', 'put_hours', 'rejection_hours')")
	h.others = l.number(size+"IS NOT NULL") - h.raw - h.rollups
	return h
}
