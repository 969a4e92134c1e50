package cli

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/cis490/fleet-health/detect"
	"github.com/cis490/fleet-health/report"
	"github.com/cis490/fleet-health/store"
)

// adoptAlerts reads the file of alerts: those that the database lacks do not fire again.
func (p *pass) adoptAlerts(ctx context.Context) error {
	found, err := report.Reconcile(ctx, p.s, p.o.alerts, p.o.now)
	if errors.Is(err, report.ErrAlertsPath) {
		p.sayUnusable(err)
		p.alertsUnusable = true
	} else if err != nil {
		return err
	}
	if found.Adopted > 0 {
		p.e.log.Info(fmt.Sprintf("adopted %d alert(s) that stood in %s", found.Adopted, p.o.alerts))
	}
	sayIgnored(p.e.log, found, p.o.alerts)
	return nil
}

// detect runs the detectors, but for those that cannot trust the clock.
func (p *pass) detect(ctx context.Context) error {
	return p.s.Update(ctx, func(tx *store.Tx) (err error) {
		if p.row.Hosts, err = tx.Hosts(); err != nil {
			return err
		}
		if err := p.judgeClock(tx); err != nil {
			return err
		}
		if err := p.judge(tx); err != nil || len(p.heldBack) > 0 {
			return err
		}
		if p.reached, err = p.reachedTime(tx); err != nil {
			return err
		}
		return tx.ForgetClients(p.reached - store.ClientsKept)
	})
}

// judge brings the state of the hosts up to now, and runs the detectors.
func (p *pass) judge(tx *store.Tx) error {
	n, err := tx.Hosts()
	if err != nil {
		return err
	}
	if n > detect.MaxFindings {
		debug.SetGCPercent(10) // facts about so many hosts take as much as all the rest
	}
	for _, step := range []func(int64) error{tx.Correct, tx.CatchUp, tx.FoldPuts} {
		if err := step(p.o.now); err != nil {
			return err
		}
	}
	t := p.o.thresholds
	judgments, err := detect.Find(tx, t, p.read, p.o.now)
	if err != nil {
		return err
	}
	raised, err := detect.Raise(tx, judgments, p.o.now, p.row.ID)
	if err != nil {
		return err
	}
	if p.lastEvent, err = tx.LastEvent(); err != nil {
		return err
	}
	followed, err := detect.Follow(tx, t, p.read, judgments, p.o.now, p.row.ID)
	p.row.NewAlerts = raised + followed
	return err
}

// sayAlerts says the events of incidents that the detectors have stored just now.
func (p *pass) sayAlerts(ctx context.Context) error {
	return p.s.View(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		events, err := tx.EventsAfter(p.lastEvent)
		for _, e := range events {
			i, err := tx.Incident(e.IncidentID)
			if err != nil {
				return err
			}
			p.sayEvent(i, e)
		}
		return err
	})
}

// sayEvent says an event of an incident, if people are told about it. What goes on is said
// once an hour.
func (p *pass) sayEvent(i store.Incident, e store.IncidentEvent) {
	who := fmt.Sprintf("host=%s symptom=%s", cell(i.Subject), e.Symptom)
	switch {
	case e.Event == store.EventResolved && e.Said:
		p.e.log.Log(context.Background(), levelNotice, fmt.Sprintf("RESOLVED %s: after %s", who, duration(i.LastFoundAt-i.BeganAt)))
	case e.Event == store.EventLost && e.Said:
		p.e.log.Warn(fmt.Sprintf("ALERT %s: lost: %s; suggested: %s", who, e.Detail, i.Fix))
	case e.Event == store.EventRepeated, e.Event == store.EventOpened && e.Said:
		p.e.log.Warn(fmt.Sprintf("ALERT %s: %s; suggested: %s", who, e.Detail, i.Fix))
	}
}

// duration writes a length of time in microseconds for people: 1h35m. A trouble that one
// pass found, or that began before the clock went back, lasts a minute.
func duration(d int64) string {
	text := (time.Duration(max(d, store.Minute)) * time.Microsecond).Round(time.Minute).String()
	return strings.TrimSuffix(text, "0s")
}

// exportAlerts appends the new alerts to their file.
func (p *pass) exportAlerts(ctx context.Context) error {
	if p.alertsUnusable {
		return nil
	}
	_, err := report.Export(ctx, p.s, p.o.alerts, p.o.now)
	if errors.Is(err, report.ErrAlertsPath) {
		p.sayUnusable(err)
		return nil
	}
	return err
}
