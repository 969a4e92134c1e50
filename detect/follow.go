package detect

import (
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cis490/fleet-health/store"
	"github.com/cis490/fleet-health/store/isotime"
)

// Follow finds the causes and the hosts in trouble as of now, in microseconds, and opens,
// continues and ends incidents. judgments are those of Find, which Raise has stored. pass is
// the ID of the pass, 0 for none. It returns the number of new alerts.
func Follow(tx *store.Tx, t Thresholds, read Sources, judgments []Judgment, now, pass int64) (alerts int, err error) {
	previous, followed, err := tx.Threshold("now")
	if err != nil {
		return 0, err
	}
	for name, value := range t.params(now) {
		if err := tx.SetThreshold(name, value); err != nil {
			return 0, err
		}
	}
	if err := judged(tx, t, read, pass); err != nil {
		return 0, err
	}
	f := follower{tx: tx, t: t, read: read, now: now, pass: pass, first: !followed}
	if err := f.load(); err != nil {
		return 0, err
	}
	if f.s.causes, err = findCauses(tx, t, read, now); err != nil {
		return 0, err
	}
	sources, err := sourceTroubles(tx, read, now)
	if err != nil {
		return 0, err
	}
	f.s.causes = append(f.s.causes, sources...)
	if err := f.expect(int64(previous)); err != nil {
		return 0, err
	}
	if f.s.index {
		if err := Learn(tx, now, int64(previous)); err != nil {
			return 0, err
		}
	}
	survey, err := surveyHosts(tx, t, read, judgments, now)
	if err != nil {
		return 0, err
	}
	f.s.hosts, f.s.waiting = survey.troubles(), survey.waiting()
	early(f.s.hosts, survey)
	messages := survey.messages
	survey = nil // it may hold 10,000 hosts
	planCauses(&f.s)
	if err := f.groups(messages); err != nil {
		return 0, err
	}
	incidents := planHosts(&f.s)
	f.s = situation{} // the rest of it is not needed while 10,000 incidents are stored
	return f.store(incidents)
}

// follower reads the situation of a pass, and stores its plan.
type follower struct {
	tx        *store.Tx
	t         Thresholds
	read      Sources
	now, pass int64
	first     bool // no pass has followed incidents before
	s         situation
}

// load reads the incidents.
func (f *follower) load() error {
	f.s = situation{now: f.now, hold: f.t.Hold, index: f.read.indexRead(), puts: f.read.journalRead()}
	f.s.journal, f.s.off = f.read.unitRead(), f.read.Journal.Off
	f.s.receiver = f.s.index && (f.read.Journal.Off || f.s.puts)
	stored, err := f.tx.OpenIncidents()
	if err != nil {
		return err
	}
	byID := map[int64]*live{}
	for _, i := range stored {
		one := &live{Incident: i, alert: i.Symptom}
		if !one.isHost() {
			if one.hosts, err = f.tx.IncidentHosts(&i, store.MaxTime); err != nil {
				return err
			}
			one.joined = map[string]bool{}
			for _, host := range one.hosts {
				one.joined[host] = true
			}
		}
		if i.Subject == store.SubjectGroup {
			if err := f.loadGroup(one); err != nil {
				return err
			}
		}
		byID[i.ID] = one
		f.s.open = append(f.s.open, one)
	}
	for _, i := range f.s.open {
		if i.ExplainedBy.Valid {
			i.cause = byID[i.ExplainedBy.Int64]
		}
	}
	if f.s.ended, err = f.tx.ResolvedIncidents(f.now - flapsWithin); err != nil {
		return err
	}
	if f.s.retired, err = f.tx.RetiredHosts(); err != nil {
		return err
	}
	if f.s.muted, err = f.tx.MutedHosts(f.now); err != nil {
		return err
	}
	if f.first {
		f.s.told, err = f.tx.AdoptedAlerts(f.now-store.Hour, f.now)
	}
	return err
}

// loadGroup reads which hosts of a group are well again.
func (f *follower) loadGroup(one *live) error {
	well, err := f.tx.Returned(one.ID, one.Symptom == GroupSilent)
	if err != nil {
		return err
	}
	one.returned, one.well = len(well), map[string]bool{}
	for _, host := range well {
		one.well[host] = true
	}
	earlier, err := f.tx.IncidentHosts(&one.Incident, f.now-1)
	for _, host := range earlier {
		if !one.well[host] {
			one.ill = append(one.ill, host)
		}
	}
	one.alive = 2*len(one.ill) > len(earlier)
	return err
}

// expect makes silences start anew once the receiver or a group is well again, after a time in
// which nobody was heard, and when the clock has gone back. It comes before the hosts are
// judged, so that a pass which is repeated as of the same time finds the same.
func (f *follower) expect(previous int64) error {
	from := int64(0)
	if previous > f.now+store.FutureTolerance {
		from = f.now
	}
	if previous > 0 && f.now-previous > f.t.SilentFor+5*store.Minute && f.s.receiver {
		end, err := f.hole(previous)
		if err != nil {
			return err
		}
		from = max(from, end)
	}
	for _, i := range f.s.open {
		found := slices.ContainsFunc(f.s.causes, func(t trouble) bool { return t.symptom == i.Symptom })
		if i.Subject == store.SubjectReceiver && outage(i.Symptom) && !found && !i.ClearAt.Valid && f.s.judged(i) {
			from = f.now
		}
		if i.Subject == store.SubjectGroup && !i.ClearAt.Valid && i.ending() && f.s.judged(i) {
			if err := f.tx.ExpectHostsFrom(i.ID, f.now); err != nil {
				return err
			}
		}
	}
	if from == 0 {
		return nil
	}
	return f.tx.ExpectFrom(from)
}

// hole returns the end of the last time after the pass before in which nobody was heard,
// 0 for none.
func (f *follower) hole(previous int64) (end int64, err error) {
	params := f.t.params(f.now)
	params["previous"] = previous
	err = eachRow(f.tx, params, func(r struct {
		EndedAt int64 `db:"ended_at"`
	}) {
		end = r.EndedAt
	}, "holes.sql")
	return end, err
}

// groupRow is a row of the query of a group.
type groupRow struct {
	Host      string `db:"host"`
	Status    int64  `db:"status"`
	BeganAt   int64  `db:"began_at"`
	StoppedAt int64  `db:"stopped_at"`
}

// groups reads the groups that hosts with a new trouble may be part of.
func (f *follower) groups(messages map[string]string) error {
	quiet, refused := false, false
	for _, t := range f.s.hosts {
		// Others may still wait for a group.
		if i := f.s.byHost[t.subject]; i == nil || !i.SaidAt.Valid && !i.isExplained(t) {
			quiet, refused = quiet || t.quiet, refused || t.status >= 400 && t.status < 500
		}
	}
	down := slices.ContainsFunc(f.s.causes, func(t trouble) bool { return outage(t.symptom) })
	if quiet && !down && f.s.index {
		if err := f.group(GroupSilent, nil, "quiet_hosts.sql", "group_silent.sql"); err != nil {
			return err
		}
	}
	if refused && f.s.puts {
		if err := f.group(GroupRejected, messages, "group_rejected.sql"); err != nil {
			return err
		}
	}
	return nil
}

func (f *follower) group(symptom string, messages map[string]string, files ...string) error {
	g := trouble{subject: store.SubjectGroup, symptom: symptom, query: files[len(files)-1]}
	var kept room
	err := eachRow(f.tx, f.t.params(f.now), func(r groupRow) {
		if kept.takes(r.Host) {
			g.hosts = append(g.hosts, r.Host)
		}
		g.beganAt, g.status = max(r.BeganAt, r.StoppedAt), r.Status
	}, files...)
	if err != nil || len(g.hosts) == 0 {
		return err
	}
	if len(g.hosts) < f.t.GroupHosts {
		f.wait(g.hosts)
		return nil
	}
	g.figure = int64(len(g.hosts))
	if symptom == GroupSilent {
		g.detail = fmt.Sprintf("%d hosts stopped at about %s: %s", len(g.hosts), isotime.Format(g.beganAt), someHosts(g.hosts))
		g.fix = "look for what they have in common: their network, their power, their last update; then look at one of them"
	} else {
		g.detail = fmt.Sprintf("%d hosts are answered with %d since %s: %s", len(g.hosts), g.status, isotime.Format(g.beganAt), someHosts(g.hosts))
		commit, err := f.tx.CommonCommit(g.hosts)
		if err != nil {
			return err
		}
		if commit != "" {
			g.detail += "; all shipped code commit " + foreign(commit) + " last"
		}
		for _, host := range g.hosts {
			if text := messages[host]; text != "" {
				g.detail += "; the receiver says of " + foreign(host) + ": " + foreign(text)
				break
			}
		}
		g.fix = "they have begun within an hour: look at their last release; " + fixOfStatus(g.hosts[0], g.status)
	}
	f.s.groups = append(f.s.groups, g)
	return nil
}

// wait makes quiet hosts wait that stopped together: one more makes them a group.
func (f *follower) wait(hosts []string) {
	for n := range f.s.hosts {
		t := &f.s.hosts[n]
		if t.quiet && slices.Contains(hosts, t.subject) && f.now-t.beganAt < earlyFor+f.t.OverdueFor {
			t.early = true
		}
	}
}

// someHosts lists the first hosts for people.
func someHosts(hosts []string) (text string) {
	const most = 5
	for n, host := range hosts {
		if n == most {
			return text + fmt.Sprintf(" and %d more", len(hosts)-most)
		}
		if n > 0 {
			text += ", "
		}
		if strings.Contains(host, ";") && host[0] != '"' {
			host = strconv.Quote(host) // the list must not seem to end in it
		}
		text += host
	}
	return text
}

// early makes a host that was rejected shortly before wait a little, while another gets the
// same answer: they may become a group.
func early(hosts []trouble, s *survey) {
	alike := map[int64]int{} // hosts by their status
	for _, h := range s.hosts {
		if f := h.failing; f != nil && f.First4xx > s.now-store.Hour && f.ShipAt > 0 {
			alike[f.Status]++
		}
	}
	for n := range hosts {
		t := &hosts[n]
		t.early = t.status >= 400 && t.status < 500 && s.now-t.beganAt < earlyFor && alike[t.status] > 1
	}
}

// store stores what the plan has changed, and the alerts of what is said.
func (f *follower) store(incidents []*live) (alerts int, err error) {
	for n, i := range incidents {
		incidents[n] = nil
		if !i.changed {
			continue
		}
		i.ExplainedBy = sql.NullInt64{}
		if i.cause != nil {
			i.ExplainedBy = sql.NullInt64{Int64: i.cause.ID, Valid: true}
		}
		i.Fix = withRunbook(i.Fix, i.Symptom)
		if err := f.tx.SaveIncident(&i.Incident); err != nil {
			return 0, fmt.Errorf("store incident: %w", err)
		}
		if err := f.tx.JoinIncident(i.ID, i.joining(), f.now); err != nil {
			return 0, err
		}
		for _, e := range i.events {
			e.IncidentID, e.ExplainedBy = i.ID, i.ExplainedBy
			if err := f.tx.AddEvent(e); err != nil {
				return 0, err
			}
			added, err := f.alert(i, e)
			if err != nil {
				return 0, err
			}
			alerts += added
		}
	}
	return alerts, nil
}

// alert stores an alert of what is said. Raise has done so for the first three symptoms.
func (f *follower) alert(i *live, e store.IncidentEvent) (added int, err error) {
	if !e.Said || e.Event != store.EventOpened && e.Event != store.EventRepeated || slices.Contains(Symptoms(), i.alert) {
		return 0, nil
	}
	a := store.Alert{DedupKey: Key(i.Subject, i.alert, f.now), Host: i.Subject, Symptom: i.alert, Detail: i.Detail, SuggestedFix: i.Fix,
		DetectedAt: f.now, LastFoundAt: f.now}
	a.PassID = sql.NullInt64{Int64: f.pass, Valid: f.pass != 0}
	isNew, err := f.tx.AddAlert(a)
	if isNew {
		added = 1
	}
	return added, err
}
