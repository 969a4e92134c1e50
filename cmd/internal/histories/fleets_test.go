package histories

import (
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cis490/fleet-health/cmd/internal/fleettest"
	"github.com/cis490/fleet-health/detect"
	"github.com/cis490/fleet-health/store"
	"github.com/google/go-cmp/cmp"
)

// episode is a ship (status 0) or a PUT of a host. at is in microseconds.
type episode struct {
	at     int64
	host   int
	status int32
}

// fleet is a random fleet, and what its passes read.
type fleet struct {
	r                *rand.Rand
	hosts            []*fleetHost
	outage           string // of the receiver: failing, down, stuck or none
	outageTo         int64
	ships, puts      []episode // that no pass has read
	unreadTo, heldTo int64
	unread           string // the source that is not read until unreadTo
}

type fleetHost struct {
	every, next int64 // microseconds
	trouble     int32 // 0 for none, -1 for silent, or the status of its PUTs
	to          int64
}

func newFleet(seed uint64, start int64) *fleet {
	f := &fleet{r: rand.New(rand.NewPCG(seed, 190))}
	for range 2 + f.r.IntN(7) {
		f.hosts = append(f.hosts, &fleetHost{every: store.Minute/2 + f.r.Int64N(7*store.Minute), next: start + f.r.Int64N(5*store.Minute)})
	}
	return f
}

// live lets the hosts of the fleet act from a time until another.
func (f *fleet) live(from, to int64) {
	if from >= f.outageTo {
		f.outage, f.outageTo = "", from+f.r.Int64N(6*store.Hour)
		if f.r.IntN(2) == 0 {
			f.outage, f.outageTo = []string{"failing", "down", "stuck"}[f.r.IntN(3)], from+f.r.Int64N(90*store.Minute)
		}
	}
	together := f.r.IntN(60) == 0 // several hosts begin the same trouble
	same := []int32{-1, 412}[f.r.IntN(2)]
	for n, h := range f.hosts {
		if from >= h.to {
			h.trouble, h.to = 0, from+f.r.Int64N(5*store.Hour)
			if f.r.IntN(3) == 0 {
				h.trouble, h.to = []int32{-1, -1, 400, 412, 503}[f.r.IntN(5)], from+f.r.Int64N(2*store.Hour)
			}
		}
		if together && f.r.IntN(4) > 0 {
			h.trouble, h.to = same, from+f.r.Int64N(2*store.Hour)
		}
		for ; h.next < to; h.next += h.every/2 + f.r.Int64N(h.every) {
			if h.next >= from && h.trouble >= 0 && f.outage != "down" {
				f.put(h.next, n, h.trouble)
			}
		}
	}
}

// put lets a host PUT.
func (f *fleet) put(at int64, host int, status int32) {
	switch {
	case f.outage == "failing":
		status = 500
	case status == 0 && f.r.IntN(15) == 0:
		status = 429
	case status == 0:
		status = 201
		if f.outage != "stuck" {
			f.ships = append(f.ships, episode{at, host, 0})
		}
	case f.r.IntN(20) == 0: // one of many is accepted
		status = 201
		f.ships = append(f.ships, episode{at, host, 0})
	}
	f.puts = append(f.puts, episode{at, host, status})
}

// reads decides which sources a pass reads, and whether it trusts its clock.
func (f *fleet) reads(now int64) (read detect.Sources, killed bool) {
	if now >= f.unreadTo {
		f.unread = ""
		if f.r.IntN(20) == 0 {
			f.unread, f.unreadTo = []string{"index", "journal"}[f.r.IntN(2)], now+f.r.Int64N(80*store.Minute)
		}
	}
	if now >= f.heldTo+5*store.Hour && f.r.IntN(60) == 0 {
		f.heldTo = now + f.r.Int64N(30*store.Minute)
	}
	switch f.unread {
	case "index":
		read.Index = detect.Source{Held: "unread", Unread: true}
	case "journal":
		read.Journal = detect.Source{Held: "unread", Unread: true}
	}
	if now < f.heldTo {
		read.Index.Held, read.Journal.Held = "the clock", "the clock"
	}
	return read, f.r.IntN(15) == 0
}

// side is a database that the passes of a fleet fill.
type side struct {
	t              *testing.T
	s              *store.Store
	path           string
	thresholds     detect.Thresholds
	index, journal int64
	hosts          []string
}

func newSide(t *testing.T, name string, f *fleet, now int64) *side {
	t.Helper()
	s, err := store.Open(t.Context(), name, store.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	one := &side{t: t, s: s, path: name, thresholds: detect.DefaultThresholds()}
	for _, stream := range []struct {
		name string
		id   *int64
	}{{store.StreamIndex, &one.index}, {store.StreamJournal, &one.journal}} {
		if *stream.id, err = s.Source(t.Context(), stream.name); err != nil {
			t.Fatal(err)
		}
	}
	for n := range f.hosts {
		one.hosts = append(one.hosts, fmt.Sprintf("lab-%d", n))
	}
	return one
}

// save stores facts of a source as one batch. Facts have the same hash in all databases.
func (d *side) save(facts []episode, now int64) {
	d.t.Helper()
	if len(facts) == 0 {
		return
	}
	b := &store.Batch{Source: d.journal, Now: now, Hosts: d.hosts}
	if facts[0].status == 0 {
		b.Source = d.index
	}
	for _, host := range d.hosts {
		b.Series = append(b.Series, store.Series{Host: host})
	}
	for _, e := range facts {
		if hash := uint64(e.at)*31 + uint64(e.host); e.status == 0 {
			b.Ships = append(b.Ships, store.Ship{ReceivedAt: e.at, LineHash: hash, Series: int32(e.host)})
		} else {
			b.Puts = append(b.Puts, store.Put{At: e.at, CursorHash: hash, Host: int32(e.host), Status: e.status})
		}
	}
	if _, err := d.s.Save(d.t.Context(), b); err != nil {
		d.t.Fatal(err)
	}
}

var errAborted = errors.New("aborted")

// judge does what a pass does after it has read.
func (d *side) judge(read detect.Sources, now int64, abort bool) {
	d.t.Helper()
	pass := store.Pass{StartedAt: now, AsOf: now}
	if err := d.s.BeginPass(d.t.Context(), &pass); err != nil {
		d.t.Fatal(err)
	}
	err := d.s.Update(d.t.Context(), func(tx *store.Tx) error {
		for _, step := range []func(int64) error{tx.Correct, tx.CatchUp, tx.FoldPuts} {
			if err := step(now); err != nil {
				return err
			}
		}
		t := d.thresholds
		judgments, err := detect.Find(tx, t, read, now)
		if err != nil {
			return err
		}
		if _, err := detect.Raise(tx, judgments, now, pass.ID); err != nil {
			return err
		}
		if _, err = detect.Follow(tx, t, read, judgments, now, pass.ID); err == nil && abort {
			return errAborted
		}
		return err
	})
	if err != nil && !errors.Is(err, errAborted) {
		d.t.Fatal(err)
	}
}

// ask returns the rows of queries with one column.
func (d *side) ask(queries ...string) (all []string) {
	d.t.Helper()
	err := d.s.View(d.t.Context(), func(tx *store.Tx) error {
		for _, query := range queries {
			var rows []string
			if err := tx.Select(&rows, query); err != nil {
				return fmt.Errorf("%s: %w", query, err)
			}
			all = append(all, rows...)
		}
		return nil
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return all
}

// kept are all rows that follow from what passes found.
var kept = []string{
	`SELECT json_array(id, subject, symptom, began_at, opened_at, last_found_at, clear_at, lost_at, resolved_at, resolution, explained_by, said_at, repeated_at,
		detail, figure, worst_figure, worst_detail, fix, query) FROM incidents ORDER BY id`,
	"SELECT json_array(incident_id, host, joined_at) FROM incident_hosts ORDER BY incident_id, host",
	"SELECT json_array(id, at, incident_id, event, symptom, said, detail, explained_by) FROM incident_events ORDER BY id",
	`SELECT json_array(name, last_accepted_at, last_failed_at, failing_since, first_4xx_at, failed_4xx, failed_5xx, failed_status, recent_answers, folded_at, unfolded,
		expected_from) FROM hosts ORDER BY name`,
	"SELECT json_array(host, symptom, dedup_key, detail, detected_at, last_found_at) FROM alerts ORDER BY id",
}

// judgedAgain are the rows of kept that passes make which judge again.
var judgedAgain = kept[:4]

// again returns what all passes find if they judge again.
func (d *side) again(change func(*detect.Thresholds)) []string {
	d.t.Helper()
	return d.rerun(d.judged(), nil, change, judgedAgain)
}

// judged returns the passes that judged.
func (d *side) judged() (passes []store.JudgedPass) {
	d.t.Helper()
	err := d.s.View(d.t.Context(), func(tx *store.Tx) (err error) {
		passes, err = tx.JudgedPasses(0, store.MaxTime)
		return err
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return passes
}

// rerun judges passes again from after the first one on, at which incidents are as given, and
// returns the rows of queries with one column.
func (d *side) rerun(passes []store.JudgedPass, then []store.Incident, change func(*detect.Thresholds), queries []string) (all []string) {
	d.t.Helper()
	s, err := store.OpenRerun(d.t.Context(), d.path)
	if err != nil {
		d.t.Fatal(err)
	}
	defer s.Close()
	err = s.Rerun(d.t.Context(), func(tx *store.Tx) error {
		again, err := detect.Before(tx, passes[0], then)
		for _, p := range passes[1:] {
			if err == nil {
				err = again.Judge(p, change)
			}
		}
		for _, query := range queries {
			var rows []string
			if err == nil {
				err = tx.Select(&rows, query)
			}
			all = append(all, rows...)
		}
		return err
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return all
}

// someThresholds returns thresholds that are not the usual ones.
func someThresholds(r *rand.Rand) detect.Thresholds {
	t := detect.DefaultThresholds()
	t.SilentThreshold = (10 + r.Int64N(60)) * store.Minute
	t.OverdueFor = (10 + r.Int64N(30)) * store.Minute
	t.RecentWindow = (10 + r.Int64N(60)) * store.Minute
	t.FatalMinCount, t.RejectedCount = 3+r.IntN(10), 2+r.IntN(10)
	t.RejectedFor = r.Int64N(30) * store.Minute
	t.FailingCount, t.FailingHosts = 3+r.IntN(15), 1+r.IntN(4)
	t.GroupHosts = 2 + r.IntN(4)
	t.Hold = r.Int64N(30) * store.Minute
	t.Lookback = (2 + r.Int64N(24)) * store.Hour
	t.NoPartial = r.IntN(4) == 0
	return t
}

// splitRead stores facts in batches, between judgments that are aborted.
func (d *side) splitRead(r *rand.Rand, f *fleet, ships, puts []episode, read detect.Sources, now int64) {
	d.t.Helper()
	for len(ships)+len(puts) > 0 {
		from := &ships
		if r.IntN(2) == 0 {
			from = &puts
		}
		n := min(len(*from), 1+r.IntN(12))
		d.save((*from)[:n], now)
		if r.IntN(6) == 0 {
			d.judge(read, now, true)
		}
		if n > 0 && r.IntN(6) == 0 {
			d.save((*from)[:n], now) // they are read again
		}
		*from = (*from)[n:]
	}
}

// TestIncidentsFollowFromFactsAndPasses runs passes over random fleets, on two databases with
// the same facts. One reads them in other batches, aborts transactions, and judges twice as
// of the same time. Both must have the same incidents, which must be sound.
func TestIncidentsFollowFromFactsAndPasses(t *testing.T) {
	t.Parallel()
	first, seeds, passes := 92, 8, 120 // in the last of these, a group took in hosts by the order of their names
	switch {
	case fleettest.RaceDetector:
		first, seeds = 98, 2
	case fleettest.Nightly():
		first, seeds, passes = 0, 100, 300
	}
	for seed := uint64(first); seed < uint64(first+seeds); seed++ {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			dir, start := fleettest.MemoryDir(t), fleettest.Now.UnixMicro()
			f, now := newFleet(seed, start), start
			whole, split, other := newSide(t, dir+"/whole.db", f, now), newSide(t, dir+"/split.db", f, now), newSide(t, dir+"/other.db", f, now)
			other.thresholds = someThresholds(rand.New(rand.NewPCG(seed, 212)))
			r, operator := rand.New(rand.NewPCG(seed, 191)), rand.New(rand.NewPCG(seed, 211))
			retired := map[string]bool{}
			for range passes {
				f.live(now, now+5*store.Minute)
				now += 5 * store.Minute
				if f.r.IntN(80) == 0 {
					host := whole.hosts[f.r.IntN(len(whole.hosts))]
					known := whole.retire(host, now)
					split.retire(host, now)
					other.retire(host, now)
					retired[host] = known || retired[host]
				}
				if operator.IntN(40) == 0 {
					act := someSetting(operator, whole.hosts, now)
					whole.act(act)
					split.act(act)
					other.act(act)
				}
				read, killed := f.reads(now)
				var ships, puts []episode
				if !read.Index.Unread {
					ships, f.ships = f.ships, nil
				}
				if !read.Journal.Unread {
					puts, f.puts = f.puts, nil
				}
				whole.save(ships, now)
				whole.save(puts, now)
				other.save(slices.Clone(ships), now)
				other.save(slices.Clone(puts), now)
				split.splitRead(r, f, ships, puts, read, now)
				if killed {
					continue
				}
				whole.judge(read, now, false)
				other.judge(read, now, false)
				for range 1 + r.IntN(2) {
					split.judge(read, now, r.IntN(8) == 0)
				}
				split.judge(read, now, false)
				if diff := cmp.Diff(whole.ask(kept...), split.ask(kept...)); diff != "" {
					t.Fatalf("pass of %s, %+v: (-whole +split)\n%s", wall(now), read, diff)
				}
				if wrong := whole.wrong(read, now, retired); wrong != "" {
					t.Fatalf("pass of %s, %+v: %s", wall(now), read, wrong)
				}
			}
			if diff := cmp.Diff(whole.ask(judgedAgain...), whole.again(nil)); diff != "" {
				t.Errorf("judged again with the same thresholds (-recorded +again)\n%s", diff)
			}
			if diff := cmp.Diff(other.ask(judgedAgain...), whole.again(func(t *detect.Thresholds) { *t = other.thresholds })); diff != "" {
				t.Errorf("judged again with %+v (-recorded +again)\n%s", other.thresholds, diff)
			}
			if n := whole.ask("SELECT CAST(COUNT(*) AS TEXT) FROM incidents"); n[0] == "0" {
				t.Error("there was no incident")
			}
		})
	}
}

// someSetting returns a random threshold of a host, or its end.
func someSetting(r *rand.Rand, hosts []string, now int64) store.Act {
	all := detect.Settings()
	s := all[r.IntN(len(all))]
	act := store.Act{At: now, Act: store.ActSet, Host: sql.NullString{String: hosts[r.IntN(len(hosts))], Valid: true}, Who: "operator",
		Setting: sql.NullString{String: s.Name, Valid: true}, Typed: sql.NullString{String: "typed", Valid: true}}
	most := map[detect.Kind]int64{detect.Length: 2 * store.Hour, detect.Count: 12, detect.Switch: 1}[s.Kind]
	act.Value = sql.NullInt64{Int64: s.Least + r.Int64N(most-s.Least+1), Valid: r.IntN(4) > 0}
	return act
}

// act does what an operator did.
func (d *side) act(act store.Act) {
	d.t.Helper()
	if err := d.s.Update(d.t.Context(), func(tx *store.Tx) error { return tx.AddAct(act) }); err != nil {
		d.t.Fatal(err)
	}
}

// retire retires a host, as the command does. It returns false if no fact is known of it.
func (d *side) retire(host string, now int64) (known bool) {
	d.t.Helper()
	err := d.s.Update(d.t.Context(), func(tx *store.Tx) error {
		result, err := tx.Exec("UPDATE hosts SET retired_at = ? WHERE name = ?", now, host)
		if err != nil {
			return err
		}
		rows, err := result.RowsAffected()
		if known = rows > 0; err != nil || !known {
			return err
		}
		return tx.AddAct(store.Act{At: now, Act: store.ActRetire, Host: sql.NullString{String: host, Valid: true}, Who: "operator"})
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return known
}

// wrong returns what is wrong with the incidents after a pass, "" for nothing.
func (d *side) wrong(read detect.Sources, now int64, retired map[string]bool) string {
	d.t.Helper()
	for _, queries := range []map[string]string{contradictions, unsoundIncidents} {
		for what, query := range queries {
			if rows := d.ask(query); len(rows) > 0 {
				return what + ":\n" + strings.Join(rows, "\n")
			}
		}
	}
	for _, row := range d.ask(fmt.Sprintf(`SELECT e.symptom || ' ' || e.event || ' ' || i.subject || ' ' || COALESCE(i.resolution, '-')
		FROM incident_events AS e JOIN incidents AS i ON i.id = e.incident_id
		WHERE e.at = %d AND event IN ('opened', 'resolved')`, now)) {
		f := strings.Fields(row)
		if f[3] == store.ResolvedRetired {
			continue
		}
		if index, puts := needs(f[0]); index && read.Index.Held != "" || puts && read.Journal.Held != "" {
			return "an event of what was not read: " + row
		}
		if f[0] == detect.Flapping && (read.Index.Held != "" && read.Journal.Held != "" || f[1] == store.EventResolved && read.Index.Held+read.Journal.Held != "") {
			return "an event of what was not read: " + row
		}
	}
	for _, subject := range d.ask("SELECT subject FROM incidents WHERE resolved_at IS NULL") {
		if retired[subject] {
			return subject + " is retired, and has an open incident"
		}
	}
	if read.Index.Held+read.Journal.Held != "" {
		return ""
	}
	// No host is known for long enough to have a rhythm.
	threshold := "COALESCE((SELECT value FROM operator_acts WHERE host = h.name AND setting = 'silent-threshold' ORDER BY id DESC LIMIT 1), 1800000000)"
	rows := d.ask(fmt.Sprintf(`SELECT h.name
		FROM hosts AS h
		WHERE h.retired_at IS NULL
		  AND %d - MAX(h.last_ship_at, COALESCE(h.expected_from, 0), COALESCE(h.last_failed_at, 0)) > `+threshold+`
		  AND h.name NOT IN (SELECT subject FROM incidents WHERE resolved_at IS NULL)`, now),
		fmt.Sprintf(`SELECT h.name || ' ' || i.id
		FROM hosts AS h
		JOIN incidents AS i ON i.subject = h.name AND i.opened_at = %d AND i.symptom = 'silent'
		WHERE h.last_ship_at >= %[1]d - `+threshold, now))
	if len(rows) > 0 {
		return fmt.Sprintf("hosts are silent without an incident, or have one and are not: %v", slices.Compact(rows))
	}
	return ""
}
