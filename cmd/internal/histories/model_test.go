package histories

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cis490/fleet-health/cmd/internal/cli"
	"github.com/cis490/fleet-health/store"
)

// passRead tells what a pass did that was not killed.
type passRead struct {
	now    int64
	index  bool // it has read the index
	noPuts bool // it has reported that no PUT is understood
}

// passed compares the database with the model after a pass that must succeed.
func (m *machine) passed(code int, said string) {
	if code != cli.ExitOK {
		m.failf("exit %d\n%s", code, said)
	}
	m.compare(passRead{m.clock, true, strings.Contains(said, "was understood as a PUT")})
}

// killed records what a killed pass may have done.
func (m *machine) killed() {
	m.kills++
	m.unclean, m.journal.unsure = true, true
	m.killedAt = max(m.killedAt, m.clock)
	for _, l := range m.index.files() {
		m.index.guesses = append(m.index.guesses, l.guess())
	}
	for i := range 4 {
		for _, symptom := range []string{"silent", "fatal-only", "unstamped"} {
			m.alerts.allowed[alertKey(fmt.Sprintf("lab-%d", i), symptom, m.clock)] = true
		}
	}
}

// compare compares the database with the model after a pass.
func (m *machine) compare(p passRead) {
	s, err := store.OpenReadOnly(m.t.Context(), m.db())
	m.check(err)
	defer s.Close()
	m.check(s.View(m.t.Context(), func(tx *store.Tx) error {
		m.view = tx
		m.compareView(p)
		return nil
	}))
}

// rows returns the rows of a query with one text column.
func (m *machine) rows(query string) (list []string) {
	m.check(m.view.Select(&list, query))
	return list
}

func (m *machine) compareView(p passRead) {
	x, j := &m.index, &m.journal
	may, must := m.gapsExpected(p)
	unread := j.unread()
	for _, l := range x.files() {
		read := l == x.current || !l.copied && x.reads(l)
		l.held = l.held && (read || !p.index) // the model does not follow a file that is not read
		for _, line := range l.lines {
			line.needed = line.needed || p.index && !line.lost && read
		}
	}
	for _, f := range j.files {
		for _, e := range f.entries {
			e.needed = true
		}
	}
	m.checkFacts()
	m.checkRollups()
	m.checkDays()
	m.checkGaps(may, must, p, len(unread) > 0)
	m.checkHosts(p)
	held := m.checkHeldBack(p)
	m.expectAlerts(p, held)
	m.checkIncidents(p, held)
	m.checkAlerts()
	if p.index {
		m.checkPositions()
		x.guesses = []guess{x.current.guess()}
	}
	if len(unread) > 0 {
		j.read, j.unsure = unread[len(unread)-1], false
	}
	m.unclean, m.older, m.killedAt = false, false, 0
}

// factQueries return the raw rows in the form of record.String.
var factQueries = map[string]string{
	"ships":       "SELECT received_at || ' ' || host || ' ' || code_commit FROM ship_log ORDER BY 1",
	"puts":        "SELECT at || ' ' || host || ' ' || status FROM put_log ORDER BY 1",
	"rejections":  "SELECT at || ' ' || host || ' ' || reason FROM rejection_log ORDER BY 1",
	"unit_states": "SELECT at || '  ' || kind FROM receiver_log WHERE kind NOT IN ('error', 'traceback') ORDER BY 1",
	"receiver_errors": `SELECT strftime('%Y-%m-%dT%H:%M:%S', e.at / 1000000, 'unixepoch') || printf('.%06dZ', e.at % 1000000) || '  ' || t.text
		FROM receiver_errors AS e JOIN error_texts AS t ON t.id = e.text_id ORDER BY 1`,
}

// facts returns all raw rows.
func (m *machine) facts() (all []string) {
	for _, table := range []string{"ships", "puts", "rejections", "unit_states", "receiver_errors"} {
		for _, row := range m.rows(factQueries[table]) {
			all = append(all, table+" "+row)
		}
	}
	return all
}

// checkFacts checks that each readable record is stored once, and that nothing else is
// stored.
func (m *machine) checkFacts() {
	stored := map[string]int{}
	for _, row := range m.facts() {
		if stored[row]++; stored[row] > 1 {
			m.failf("%s is stored twice", row)
		}
	}
	m.stored, m.words = m.stored[:0], m.words[:0]
	for _, r := range m.written {
		if r.table == "" || !r.whole {
			continue
		}
		name := r.table + " " + r.String()
		switch {
		case stored[name] > 0 && r.isWord():
			m.words = append(m.words, r)
		case stored[name] > 0:
			m.stored = append(m.stored, r)
		case r.needed && !r.forgotten:
			m.failf("%s is missing", name)
		}
		delete(stored, name)
	}
	for name := range stored {
		m.failf("%s was never written", name)
	}
}

// checkRollups compares the rollups with counts of the raw rows by hour and host.
func (m *machine) checkRollups() {
	type count struct{ ships, ok, refused, broken, unstamped int }
	counts := map[string]*count{}
	var ships []*record
	for _, r := range m.stored {
		key := wall(r.at / store.Hour * store.Hour)[:19] + "Z " + r.host
		if counts[key] == nil {
			counts[key] = &count{}
		}
		c := counts[key]
		switch {
		case r.table == "ships":
			c.ships++
			ships = append(ships, r)
		case r.what == "unstamped":
			c.unstamped++
		case r.what[0] == '2':
			c.ok++
		case r.what[0] == '4':
			c.refused++
		case r.what[0] == '5':
			c.broken++
		}
	}
	var want []string
	for key, c := range counts {
		want = append(want, fmt.Sprint(key, " ", c.ships, " ", c.ok, " ", c.refused, " ", c.broken, " ", c.unstamped))
	}
	m.same("host_hourly", want, m.rows(`SELECT hour || ' ' || host || ' ' || ships || ' ' || puts_2xx || ' ' || puts_4xx || ' ' || puts_5xx
		|| ' ' || unstamped FROM host_hourly`))
	m.same("ship_hours", shipHours(ships), m.rows(`SELECT s.hour || ' ' || h.name || ' ' || first_at || ' ' || last_at || ' ' || longest_gap || ' ' || commit_changes
		FROM ship_hours AS s JOIN hosts AS h ON h.id = host_id`))
	m.same("texts that do not count their errors", nil, m.rows(`
		SELECT t.text
		FROM error_texts AS t
		LEFT JOIN receiver_errors AS e ON e.text_id = t.id
		GROUP BY t.id
		HAVING COUNT(e.at) <> t.errors OR MIN(e.at) <> t.first_at OR MAX(e.at) <> t.last_at`))
	m.same("days that are not their hours", nil, m.rows(`
		WITH
		  of_hours AS (
		    SELECT hour / 24 AS day, host_id, 0 AS status, SUM(ships) AS n FROM ship_hours WHERE hour / 24 NOT IN open_days GROUP BY 1, 2
		    UNION ALL
		    SELECT hour / 24, host_id, status, SUM(puts) FROM put_hours WHERE hour / 24 NOT IN open_days GROUP BY 1, 2, 3
		  ),
		  of_days AS (
		    SELECT day, host_id, 0 AS status, ships AS n FROM ship_days
		    UNION ALL
		    SELECT day, host_id, status, puts FROM put_days
		  )
		SELECT CAST(day AS TEXT) FROM (SELECT * FROM of_hours EXCEPT SELECT * FROM of_days)
		UNION ALL
		SELECT CAST(day AS TEXT) FROM (SELECT * FROM of_days EXCEPT SELECT * FROM of_hours)`))
}

// checkDays checks that the days that were over in the last pass have their rollups.
func (m *machine) checkDays() {
	m.same("days that are over and open", nil, m.rows(`
		SELECT CAST(day AS TEXT)
		FROM open_days
		WHERE day < (SELECT as_of / 86400000000 FROM passes ORDER BY id DESC LIMIT 1)`))
}

// shipHours returns, for each hour and host, the times of the first and last ship, the
// longest silence, and the number of changes of the commit.
func shipHours(ships []*record) (rows []string) {
	ships = slices.Clone(ships)
	slices.SortFunc(ships, func(a, b *record) int {
		if c := strings.Compare(a.host, b.host); c != 0 {
			return c
		}
		return int(a.at - b.at)
	})
	for i := 0; i < len(ships); {
		first, longest, changes, k := ships[i], int64(0), 0, i+1
		for ; k < len(ships) && ships[k].host == first.host && ships[k].at/store.Hour == first.at/store.Hour; k++ {
			longest = max(longest, ships[k].at-ships[k-1].at)
			if ships[k].what != ships[k-1].what {
				changes++
			}
		}
		rows = append(rows, fmt.Sprint(first.at/store.Hour, " ", first.host, " ", first.at, " ", ships[k-1].at, " ", longest, " ", changes))
		i = k
	}
	return rows
}

// checkHosts checks the last ship of each host: the newest that the clock of the pass has
// reached. A pass whose clock was ahead may have seen later ones.
func (m *machine) checkHosts(p passRead) {
	last := map[string]int64{}
	for _, s := range m.stored {
		if s.table == "ships" && s.at <= p.now {
			last[s.host] = max(last[s.host], s.at)
		}
	}
	for _, row := range m.rows("SELECT host || ' ' || COALESCE(last_ship_at, '') FROM host_status") {
		host, at, _ := strings.Cut(row, " ")
		want := ""
		if last[host] > 0 {
			want = wall(last[host])
		}
		if at != want {
			m.failf("%s has shipped last at %q, want %q", host, at, want)
		}
	}
}

// alertKey returns the dedup key of an alert.
func alertKey(host, symptom string, now int64) string {
	sum := sha256.Sum256([]byte(host + "|" + symptom + "|" + time.UnixMicro(now).UTC().Format("2006-01-02T15")))
	return hex.EncodeToString(sum[:])[:16]
}

// expectAlerts finds the hosts in trouble from the raw rows, except for symptoms that are
// held back.
func (m *machine) expectAlerts(p passRead, held map[string]bool) {
	last, failed, accepted, unstamped := map[string]int64{}, map[string]int{}, map[string]int{}, map[string]int{}
	for _, r := range m.stored {
		recent := r.at <= p.now && r.at >= p.now-30*store.Minute
		switch {
		case r.table == "ships" && r.at <= p.now:
			last[r.host] = max(last[r.host], r.at)
		case r.table == "puts" && recent && r.what[0] == '2':
			accepted[r.host]++
		case r.table == "puts" && recent:
			failed[r.host]++
		case r.what == "unstamped" && recent:
			unstamped[r.host]++
		}
	}
	if p.noPuts {
		m.checkNoPuts(p)
	}
	var open []string
	blind, newest := m.indexBlind(p.now), int64(0)
	for _, at := range last {
		newest = max(newest, at)
	}
	for i := range 4 {
		host := fmt.Sprintf("lab-%d", i)
		var symptoms []string
		if failed[host] >= 10 && accepted[host] == 0 {
			symptoms = append(symptoms, "fatal-only")
		}
		seen := last[host] > blind || newest > blind && p.now-blind > 30*store.Minute
		if age := p.now - last[host]; seen && age > 30*store.Minute && age <= 24*store.Hour {
			symptoms = append(symptoms, "silent")
		}
		if unstamped[host] >= 10 {
			symptoms = append(symptoms, "unstamped")
		}
		for _, symptom := range symptoms {
			if held[symptom] {
				continue
			}
			found := m.alerts.required
			if p.noPuts && symptom != "silent" {
				found = m.alerts.allowed // unstamped is judged if a rejection was understood
			}
			found[alertKey(host, symptom, p.now)] = true
		}
		if len(symptoms) > 0 {
			open = append(open, host+" "+strings.Join(symptoms, " "))
		}
	}
	if len(held) == 0 && !p.noPuts {
		m.same("symptoms found", open, m.rows(`SELECT host || ' ' || group_concat(symptom, ' ')
			FROM (
			  SELECT a.host, a.symptom
			  FROM alerts AS a
			  JOIN detectors AS d ON d.symptom = a.symptom AND d.evaluated_at = a.last_found_at
			  ORDER BY a.symptom
			)
			GROUP BY host`))
	}
}

// indexBlind returns the end of the last gap in which ships may be missing. checkGaps has
// checked that gap.
func (m *machine) indexBlind(now int64) (end int64) {
	for _, row := range m.rows(`SELECT from_at || ' ' || to_at FROM gaps JOIN sources ON id = source_id
		WHERE stream = 'index' AND recovered_at IS NULL`) {
		var from, to int64
		fmt.Sscan(row, &from, &to)
		switch {
		case to <= now:
			end = max(end, to)
		case from <= now:
			end = max(end, from) // the gap is from a clock that was ahead
		}
	}
	return end
}

// checkNoPuts checks the report that no PUT is understood, if hosts have shipped since the
// last PUT. In this test, unlike on a receiver, ships come without a PUT.
func (m *machine) checkNoPuts(p passRead) {
	lastPut, ships := int64(0), 0
	for _, r := range m.stored {
		if r.table == "puts" && r.at <= p.now {
			lastPut = max(lastPut, r.at)
		}
	}
	for _, r := range m.stored {
		if r.table == "ships" && r.at > lastPut && r.at <= p.now {
			ships++
		}
	}
	const manyShips = 10 // the pass reports it from this number on
	if ships < manyShips {
		m.failf("%d ships since the last PUT, and the pass says that it understands none", ships)
	}
}

// checkPositions checks that the cursor of a source that was read to its end is there.
func (m *machine) checkPositions() {
	got := m.rows(`SELECT json_extract(c.state, '$.offset') FROM cursors AS c JOIN sources AS s ON s.id = c.source_id WHERE s.stream = 'index'`)
	m.same("the position in the index", []string{fmt.Sprint(m.index.current.size())}, got)
}
