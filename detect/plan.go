package detect

import (
	"cmp"
	"database/sql"
	"fmt"
	"slices"

	"github.com/cis490/fleet-health/store"
)

const (
	// flapsWithin is the time, in microseconds, within which the third incident of a host
	// is one of a host that flaps.
	flapsWithin = 6 * store.Hour
	// flapsHold is how many hold times a host that flaps must be well for.
	flapsHold = 6
	// repeatAfter is the least time between two log lines of an incident.
	repeatAfter = store.Hour
	// earlyFor is how long, in microseconds, a host waits for others to make a group with it,
	// from the start of its trouble.
	earlyFor = 30 * store.Minute
)

// live is an incident in a pass. Its ID is 0 until it is stored.
type live struct {
	store.Incident
	cause    *live           // the incident that explains it; nil for none
	hosts    []string        // of a group or the receiver
	joined   map[string]bool // those of them that are stored
	set      map[string]bool // of hosts, made when it is asked for
	returned int             // hosts of a group that are well again
	well     map[string]bool // these hosts: what troubles them later is their own
	ill      []string        // hosts that joined a group before this pass and are not well, by name
	alive    bool            // of the hosts that joined before this pass, most are ill
	found    bool            // in this pass
	changed  bool
	alert    string // the symptom in alerts.jsonl
	events   []store.IncidentEvent
}

// situation is all that the plan depends on.
type situation struct {
	now      int64
	hold     int64
	open     []*live          // incidents that are open, oldest first
	ended    []store.Incident // incidents that ended within flapsWithin
	causes   []trouble        // of the receiver and the sources
	hosts    []trouble
	groups   []trouble // that the hosts may be part of
	retired  map[string]bool
	muted    map[string]bool
	told     map[string]int64 // when alerts.jsonl said what is new to this database, by host
	waiting  map[string]bool  // hosts whose trouble cannot end yet
	index    bool             // the index could be judged
	puts     bool             // the PUTs could be judged
	receiver bool             // both could be
	journal  bool             // what the journal says about the unit could be
	off      bool             // nobody asks for the journal: what it found ends
	all      []*live
	byHost   map[string]*live // open incidents of hosts
	wide     []*live          // open incidents of the receiver and of groups
}

// planCauses decides which incidents of the receiver and of groups open, go on or are resolved.
// It comes before the hosts, so that what ends now explains none of them. A pass that is repeated
// as of the same time finds the same.
func planCauses(s *situation) {
	s.all, s.wide, s.byHost = nil, nil, map[string]*live{}
	for _, i := range s.open {
		s.add(i)
	}
	for _, t := range s.causes {
		s.findCause(t)
	}
	s.findGroups()
	for _, i := range s.wide {
		s.end(i)
	}
}

// planHosts decides the rest: which incidents of hosts open, go on, are explained, lost or
// resolved, and what is said of all incidents. Neither function does I/O. It returns all incidents
// that the pass has touched, causes before the incidents that they explain.
func planHosts(s *situation) []*live {
	madeUp, others := 0, 0
	for _, t := range s.hosts {
		if t.madeUp && s.byHost[t.subject] == nil && madeUp >= MaxMadeUp {
			others++
			continue
		}
		if t.madeUp {
			madeUp++
		}
		s.findHost(t)
	}
	if others > 0 {
		s.findHost(trouble{subject: store.OverflowHost, symptom: Rejected, beganAt: s.now, figure: int64(others), query: "failing.sql",
			detail: fmt.Sprintf("%d more host name(s) that never shipped are refused", others), fix: blockMakers})
	}
	for _, i := range s.all {
		s.end(i)
	}
	for _, i := range s.all {
		s.say(i)
	}
	// A cause is older than what it explains, or a group that was made for it.
	slices.SortStableFunc(s.all, func(a, b *live) int { return cmp.Compare(rankOfSubject(a), rankOfSubject(b)) })
	return s.all
}

func rankOfSubject(i *live) int {
	switch i.Subject {
	case store.SubjectReceiver:
		return 0
	case store.SubjectGroup:
		return 1
	}
	return 2
}

// isOpen reports whether the incident is open, and not resolved in this pass.
func (i *live) isOpen() bool { return !i.ResolvedAt.Valid }

func (i *live) isHost() bool {
	return i.Subject != store.SubjectReceiver && i.Subject != store.SubjectGroup
}

func (s *situation) add(i *live) {
	s.all = append(s.all, i)
	if i.isHost() {
		s.byHost[i.Subject] = i
	} else {
		s.wide = append(s.wide, i)
	}
}

// begin opens an incident.
func (s *situation) begin(t trouble) *live {
	i := &live{Incident: store.Incident{Subject: t.subject, Symptom: t.symptom, BeganAt: min(t.beganAt, s.now), OpenedAt: s.now,
		WorstFigure: t.figure, WorstDetail: t.detail}}
	s.add(i)
	s.find(i, t)
	i.event(s.now, store.EventOpened)
	return i
}

// find records that the trouble of an incident was found.
func (s *situation) find(i *live, t trouble) {
	i.found, i.changed, i.alert = true, true, cmp.Or(t.alert, t.symptom)
	i.LastFoundAt, i.ClearAt = s.now, sql.NullInt64{}
	i.Detail, i.Figure, i.Fix, i.Query = t.detail, t.figure, t.fix, t.query
	if t.figure > i.WorstFigure {
		i.WorstFigure, i.WorstDetail = t.figure, t.detail
	}
	if i.Subject == store.SubjectReceiver {
		i.hosts, i.set = t.hosts, nil
	}
}

func (i *live) event(at int64, event string) *store.IncidentEvent {
	i.changed = true
	i.events = append(i.events, store.IncidentEvent{At: at, Event: event, Symptom: i.Symptom, Detail: i.Detail})
	return &i.events[len(i.events)-1]
}

func (s *situation) findCause(t trouble) {
	var by *live
	for _, other := range s.wide {
		if other.Subject == t.subject && other.Symptom == t.symptom {
			s.find(other, t)
			return
		}
		if other.cause == nil && outage(other.Symptom) && (outage(t.symptom) || t.symptom == ReceiverDegraded) {
			by = other
		}
	}
	s.begin(t).cause = by
}

// outage reports whether a symptom means that the receiver takes no episodes.
func outage(symptom string) bool {
	return symptom == ReceiverFailing || symptom == ReceiverSilent || symptom == ReceiverDown || symptom == IndexStuck
}

func (s *situation) findHost(t trouble) {
	i := s.byHost[t.subject]
	if i != nil {
		s.goOn(i, t)
	} else {
		explained := s.explain(t)
		i = s.begin(t)
		if i.cause = explained; explained == nil && s.flaps(t.subject) {
			i.Symptom, i.alert = Flapping, Flapping
			i.events[0].Symptom = Flapping
		}
	}
	if i.cause != nil && i.cause.Subject == store.SubjectGroup && !i.cause.has(t.subject) {
		i.cause.join(s.now, t.subject)
		i.cause.changed = true
	}
	if t.lost && !i.LostAt.Valid {
		i.LostAt = sql.NullInt64{Int64: s.now, Valid: true}
		i.event(s.now, store.EventLost)
	}
	if t.early && i.cause == nil && !i.SaidAt.Valid {
		i.alert = "" // it waits
	}
}

// goOn records that the trouble of a host goes on, and may have become another one.
func (s *situation) goOn(i *live, t trouble) {
	if t.quiet && !s.puts && i.Symptom != Silent && i.Symptom != Flapping {
		i.found = true // its PUTs may fail as before: they could not be read
		return
	}
	if t.status >= 500 && !t.server && i.Symptom != Silent && i.Fix != "" {
		t.fix = i.Fix // the receiver fails now, and has refused the host before
	}
	s.find(i, t)
	if i.Symptom != Flapping && (rank(t.symptom) < rank(i.Symptom) || t.quiet != (i.Symptom == Silent)) {
		i.Symptom = t.symptom
	}
	if !i.isExplained(t) {
		i.cause = nil
	}
	switch outage := s.outageOf(t); {
	case i.cause != nil:
	case outage == nil:
		i.cause = s.groupOf(t)
	case !i.SaidAt.Valid:
		i.cause = outage // it was not said while it waited for a group
	}
}

// isExplained reports whether the cause of a host's incident explains its trouble as it is now.
func (i *live) isExplained(t trouble) bool {
	return i.cause != nil && i.cause.isOpen() && (i.cause.Symptom != GroupSilent || !refusal(t))
}

// refusal reports whether a host sends, and is answered with a 4xx.
func refusal(t trouble) bool { return !t.quiet && t.status >= 400 && t.status < 500 }

// rank orders the symptoms of a host, the most telling first.
func rank(symptom string) int {
	return slices.Index([]string{"unstamped", Rejected, "fatal-only", Partial, Silent, Flapping}, symptom)
}

// explain returns the incident that explains a new trouble of a host, nil for none.
func (s *situation) explain(t trouble) *live {
	if outage := s.outageOf(t); outage != nil {
		return outage
	}
	return s.groupOf(t)
}

// outageOf returns the receiver's incident that explains a trouble of a host, nil for none.
// It does not explain a silence that was too long before the receiver took no episodes.
func (s *situation) outageOf(t trouble) (by *live) {
	since := s.now
	for _, i := range s.wide {
		if !i.isOpen() || i.Subject != store.SubjectReceiver || !explains(i.Symptom, t) {
			continue
		}
		since = min(since, i.BeganAt)
		if by == nil && i.cause == nil {
			by = i
		}
	}
	if t.overdueAt != 0 && t.overdueAt < since {
		return nil
	}
	return by
}

// groupOf returns the group that a trouble is part of. It opens the group if it is new.
func (s *situation) groupOf(t trouble) *live {
	for _, i := range s.wide {
		if i.Subject == store.SubjectGroup && i.isOpen() && !i.well[t.subject] && i.has(t.subject) && (i.Symptom == GroupSilent) == t.quiet {
			return i
		}
	}
	if i := s.alike(t); i != nil {
		return i
	}
	for _, g := range s.groups {
		if _, member := slices.BinarySearch(g.hosts, t.subject); !member || (g.symptom == GroupSilent) != t.quiet || g.status != t.status {
			continue
		}
		for _, i := range s.wide { // it goes on, with one host more
			if i.Subject == store.SubjectGroup && i.isOpen() && i.Symptom == g.symptom && slices.ContainsFunc(g.hosts, i.has) {
				return i
			}
		}
		i := s.begin(g)
		i.hosts, i.set = g.hosts, nil
		return i
	}
	return nil
}

// alike returns the rejected group whose hosts get the answer that a host gets, nil for none. A
// slow host may meet a bad release hours after the others. It goes by what the group was before
// this pass, so that the order of hosts does not matter.
func (s *situation) alike(t trouble) *live {
	if !refusal(t) || t.madeUp { // an invented name is never well again, and would keep the group open
		return nil
	}
	for _, i := range s.wide {
		if i.Symptom != GroupRejected || !i.alive || !i.isOpen() {
			continue
		}
		for _, other := range s.hosts {
			if _, member := slices.BinarySearch(i.ill, other.subject); member && other.subject != t.subject && other.status == t.status {
				return i
			}
		}
	}
	return nil
}

// join adds a host to a group. If most hosts are in trouble again for it, the group goes on: a
// pass that is repeated as of the same time finds it so.
func (i *live) join(now int64, host string) {
	i.hosts = append(i.hosts, host)
	i.set[host] = true
	if !i.ending() {
		i.found = true
		i.LastFoundAt, i.ClearAt = now, sql.NullInt64{}
	}
}

// joining returns the hosts of the incident that are not stored yet.
func (i *live) joining() (hosts []string) {
	for _, host := range i.hosts {
		if !i.joined[host] {
			hosts = append(hosts, host)
		}
	}
	return hosts
}

// has reports whether a host is one of the incident's.
func (i *live) has(host string) bool {
	if i.set == nil {
		i.set = make(map[string]bool, len(i.hosts))
		for _, host := range i.hosts {
			i.set[host] = true
		}
	}
	return i.set[host]
}

// flaps reports whether a host has had two incidents that ended shortly before.
func (s *situation) flaps(host string) bool {
	n := 0
	for _, i := range s.ended {
		if i.Subject == host && i.OpenedAt >= s.now-flapsWithin && !i.ExplainedBy.Valid && i.Resolution.String == store.ResolvedRecovered {
			n++
		}
	}
	return n >= 2
}

// findGroups finds the groups again whose hosts are still in trouble, for the most part.
func (s *situation) findGroups() {
	for _, i := range s.wide {
		if i.Subject == store.SubjectGroup && (s.puts || i.Symptom == GroupSilent) && s.judged(i) && !i.ending() {
			i.found, i.changed = true, true
			i.LastFoundAt, i.ClearAt = s.now, sql.NullInt64{}
		}
	}
}

// ending reports whether most hosts of a group are well again.
func (i *live) ending() bool { return 2*i.returned >= len(i.hosts) }

// judged reports whether the sources were read that could find the incident again.
func (s *situation) judged(i *live) bool {
	switch i.Symptom {
	case IndexUnread, JournalUnread, Unreadable:
		return true
	case ReceiverFailing:
		return s.puts || s.off
	case ReceiverSilent, IndexStuck, Flapping: // a host may flap for any reason
		return s.receiver
	case ReceiverDown:
		return s.journal || s.off
	case Silent, GroupSilent:
		return s.index
	}
	return s.puts || s.off
}

// end clears what was not found, and resolves what has been clear for the hold time.
func (s *situation) end(i *live) {
	if !i.isOpen() {
		return
	}
	if s.retired[i.Subject] {
		s.resolve(i, store.ResolvedRetired)
		return
	}
	if i.found || !s.judged(i) || s.waiting[i.Subject] {
		return
	}
	i.changed = true
	if !i.ClearAt.Valid {
		i.ClearAt = sql.NullInt64{Int64: s.now, Valid: true}
	}
	i.ClearAt.Int64 = min(i.ClearAt.Int64, s.now) // the clock may have gone back
	hold := s.hold
	if i.Symptom == Flapping {
		hold *= flapsHold
	}
	switch {
	case i.cause != nil && i.isHost():
		s.resolve(i, store.ResolvedExplained)
	case s.now-i.ClearAt.Int64 >= hold:
		s.resolve(i, store.ResolvedRecovered)
	}
}

func (s *situation) resolve(i *live, resolution string) {
	i.ResolvedAt = sql.NullInt64{Int64: s.now, Valid: true}
	i.Resolution = sql.NullString{String: resolution, Valid: true}
	i.event(s.now, store.EventResolved)
}

// mutes reports whether the host of an incident is muted, or all hosts of its group that are
// not retired.
func (s *situation) mutes(i *live) bool {
	if i.Subject != store.SubjectGroup {
		return s.muted[i.Subject]
	}
	return !slices.ContainsFunc(i.hosts, func(host string) bool { return !s.muted[host] && !s.retired[host] })
}

// say decides which events are said, and repeats what goes on.
func (s *situation) say(i *live) {
	if i.cause != nil && !i.cause.isOpen() && i.isOpen() {
		i.cause, i.changed = nil, true // it is in trouble by itself
	}
	quiet := i.cause != nil || i.AckedAsOf(s.now) || s.mutes(i)
	told := func(e *store.IncidentEvent) {
		e.Said = true
		i.SaidAt, i.changed = sql.NullInt64{Int64: s.now, Valid: true}, true
	}
	for n := range i.events {
		e := &i.events[n]
		switch e.Event {
		case store.EventResolved:
			e.Said = i.SaidAt.Valid && !s.mutes(i)
		case store.EventOpened:
			if at, ok := s.told[i.Subject]; ok && !quiet && !i.SaidAt.Valid {
				i.SaidAt = sql.NullInt64{Int64: at, Valid: true}
				continue
			}
			if !quiet && i.alert != "" && !i.LostAt.Valid && i.isOpen() {
				told(e)
			}
		case store.EventLost:
			if !quiet {
				told(e)
			}
		}
	}
	if quiet || !i.found || !i.isOpen() || i.alert == "" {
		return
	}
	// Before the clock went back, it may have been said in what is the future now.
	i.SaidAt.Int64, i.RepeatedAt.Int64 = min(i.SaidAt.Int64, s.now), min(i.RepeatedAt.Int64, s.now)
	last := max(i.SaidAt.Int64, i.RepeatedAt.Int64)
	switch {
	case !i.SaidAt.Valid, i.LostAt.Valid && last < i.LostAt.Int64 && s.now-last >= repeatAfter: // it was lost while nothing was said
		told(i.event(s.now, store.EventRepeated))
	case s.now-last >= repeatAfter && !i.LostAt.Valid:
		i.event(s.now, store.EventRepeated)
		i.RepeatedAt = sql.NullInt64{Int64: s.now, Valid: true}
	}
}
