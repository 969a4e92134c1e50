package notify

import (
	"context"
	"fmt"
	"strings"

	"github.com/cis490/fleet-health/store"
)

// planAll stores which events each sink is to be told of, and returns what is due.
func planAll(tx *store.Tx, sinks []Sink, now int64) (all []*work, err error) {
	p := planner{Tx: tx, now: now}
	if p.last, err = tx.LastEvent(); err != nil {
		return nil, err
	}
	if p.succeeded, err = tx.LastSuccess(); err != nil {
		return nil, err
	}
	for n := range sinks {
		w, err := p.plan(&sinks[n])
		if err != nil {
			return nil, err
		}
		all = append(all, w)
	}
	return all, nil
}

// planner plans a run.
type planner struct {
	*store.Tx
	now       int64
	last      int64 // the newest event
	succeeded int64 // when a pass last succeeded, in microseconds; 0 if there was none
}

func (p *planner) plan(s *Sink) (*work, error) {
	row, added, err := p.Sink(s.key, s.Label, p.now)
	if err != nil {
		return nil, err
	}
	w := &work{sink: s, row: row, outcome: Outcome{Sink: s}}
	if s.kind == takesPings {
		return w, p.planPing(w)
	}
	if err := p.consider(w, added); err != nil {
		return nil, err
	}
	// A wait of more than an hour is from before the clock went back.
	if wait := row.NextTryAt - p.now; wait > 0 && wait <= store.Hour {
		w.outcome.Waiting, err = p.CountWaiting(row.ID)
		return w, err
	}
	if s.kind == takesAlerts {
		return w, p.planAlerts(w)
	}
	if err := p.planStopped(w); err != nil {
		return nil, err
	}
	return w, p.planMessages(w)
}

// consider stores which of the events since the last run the sink is to be told of. A new sink
// is told of what is open, and so is one that no run has known for a day: maybe it was out of
// the file. That one also learns the end of what it was told of.
func (p *planner) consider(w *work, added bool) error {
	deliver := func(e store.SentEvent) error {
		wanted, err := w.sink.wants(&e, func() ([]string, error) {
			return p.IncidentHosts(&store.Incident{ID: e.IncidentID, Subject: e.Subject}, e.At)
		})
		if err == nil && wanted {
			err = p.AddDelivery(w.row.ID, &e, p.now)
		}
		return err
	}
	var err error
	if added || p.now-w.row.SeenAt > giveUpAfter {
		if err = p.EachEndToSend(w.row.ID, w.row.EventID, p.last, deliver); err == nil {
			err = p.EachOpenEvent(p.now, deliver)
		}
	} else {
		err = p.EachEventToSend(w.row.EventID, p.last, deliver)
	}
	if err != nil {
		return err
	}
	return p.SetConsidered(w.row.ID, p.last, p.now)
}

// planMessages makes a job of each message that the sink has yet to receive.
func (p *planner) planMessages(w *work) (err error) {
	if w.claimed, err = p.ClaimDeliveries(w.row.ID, storm); err != nil {
		return err
	}
	claimed, err := p.ClaimedMessages(w.row.ID)
	for _, c := range claimed {
		m, err := p.message(&w.row, c)
		if err != nil {
			return err
		}
		m.Page = w.sink.link(m.IncidentID)
		w.jobs = append(w.jobs, job{message: c.ID, events: c.Events,
			send: func(ctx context.Context) error { return w.sink.send(ctx, m) },
			sent: func(tx *store.Tx, now int64) error { return tx.MessageSent(w.row.ID, c.ID, now) }})
	}
	return err
}

func (p *planner) message(row *store.Sink, c store.ClaimedMessage) (*Message, error) {
	if c.Events > 1 {
		return messageOfMany(p.Tx, row, c)
	}
	e, err := p.SentEvent(c.ID)
	if err != nil {
		return nil, err
	}
	return messageOf(p.Tx, row, &e)
}

// planAlerts makes one job of all alerts. Alertmanager groups them.
func (p *planner) planAlerts(w *work) error {
	var alerts []alert
	open, err := p.SaidIncidents(maxAlerts)
	if err != nil {
		return err
	}
	if len(open) == maxAlerts {
		alerts = append(alerts, alertOf("(fleet)", eventStorm, "", fmt.Sprintf("%d incidents or more are open, and only the first are here", maxAlerts),
			"run `cis490-fleet-health incidents`, which has the causes first", nil, open[maxAlerts-1].BeganAt, p.now+firesFor))
	}
	for _, i := range open {
		e := store.SentEvent{SubjectEvent: store.SubjectEvent{Subject: i.Subject, IncidentEvent: store.IncidentEvent{At: p.now, IncidentID: i.ID,
			Symptom: i.Symptom, Detail: i.Detail, ExplainedBy: i.ExplainedBy}}, BeganAt: i.BeganAt, Fix: i.Fix}
		if err := p.addAlert(w.sink, &alerts, &e, p.now+firesFor); err != nil {
			return err
		}
	}
	ended, err := p.ResolvedToSend(w.row.ID, maxAlerts)
	if err != nil {
		return err
	}
	for _, e := range ended {
		if err := p.addAlert(w.sink, &alerts, &e, min(e.At, p.now)); err != nil {
			return err
		}
	}
	known := p.last
	if len(ended) == maxAlerts {
		known = ended[maxAlerts-1].ID
	}
	stopped, change := p.stopped(w)
	if stopped != nil {
		ends := p.now + firesFor
		if stopped.Event == store.EventResolved {
			ends = p.now
		}
		alerts = append(alerts, alertOf(stopped.Subject, stopped.Symptom, "", stopped.Detail, stopped.Fix, nil, stopped.began, ends))
	}
	waiting, err := p.CountWaiting(w.row.ID)
	if err != nil || len(alerts) == 0 && waiting == 0 {
		return err
	}
	w.jobs = append(w.jobs, job{events: waiting,
		send: func(ctx context.Context) error { return w.sink.alerts.post(ctx, alerts) },
		sent: func(tx *store.Tx, now int64) error {
			if change {
				if err := tx.SetStopped(w.row.ID, stopped.since); err != nil {
					return err
				}
			}
			return tx.DeliveredUpTo(w.row.ID, known, now)
		}})
	return nil
}

// addAlert adds the alert of an event's incident, if the sink wants it.
func (p *planner) addAlert(s *Sink, alerts *[]alert, e *store.SentEvent, ends int64) error {
	hosts, err := p.IncidentHosts(&store.Incident{ID: e.IncidentID, Subject: e.Subject}, e.At)
	if err != nil {
		return err
	}
	wanted, err := s.wants(e, func() ([]string, error) { return hosts, nil })
	if err != nil || !wanted {
		return err
	}
	cause := ""
	if e.ExplainedBy.Valid {
		if i, err := p.Incident(e.ExplainedBy.Int64); err != nil {
			return err
		} else if i.Open() {
			cause = i.Symptom
		}
	}
	a := alertOf(e.Subject, e.Symptom, cause, e.Detail, e.Fix, hosts, min(e.BeganAt, ends), ends)
	a.Page = s.link(&e.IncidentID)
	*alerts = append(*alerts, a)
	return nil
}

// planPing makes a job of the newest pass, if it ended since the last ping. Pings have no
// backoff: one that comes late is an alarm.
func (p *planner) planPing(w *work) error {
	last, ok, err := p.LastEnd()
	if err != nil || !ok || last.ID == w.row.PassID || p.now-last.FinishedAt.Int64 > stoppedAfter {
		return err
	}
	through := last.Outcome.String == store.OutcomeOK
	why := strings.ToValidUTF8(last.Error.String, "")
	w.jobs = []job{{
		send: func(ctx context.Context) error { return w.sink.ping.send(ctx, through, why) },
		sent: func(tx *store.Tx, now int64) error { return tx.SetReportedPass(w.row.ID, last.ID) },
	}}
	return nil
}
