package cli

import (
	"context"
	"errors"
	"fmt"

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
		if err := tx.CatchUp(p.o.now); err != nil {
			return err
		}
		verdicts, err := detect.Find(tx, p.thresholds(), p.read, p.o.now)
		if err != nil {
			return err
		}
		if p.row.NewAlerts, err = detect.Raise(tx, verdicts, p.o.now, p.row.ID); err != nil || len(p.heldBack) > 0 {
			return err
		}
		if p.reached, err = p.reachedTime(tx); err != nil {
			return err
		}
		return tx.ForgetClients(p.reached - store.ClientsKept)
	})
}

// sayAlerts says the alerts that the detectors have stored just now.
func (p *pass) sayAlerts(ctx context.Context) error {
	if p.row.NewAlerts == 0 {
		return nil
	}
	return p.s.View(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		return tx.EachNotExported(func(a store.Alert) error {
			if a.PassID.Int64 == p.row.ID {
				p.e.log.Warn(fmt.Sprintf("ALERT host=%s symptom=%s: %s; suggested: %s", cell(a.Host), a.Symptom, a.Detail, a.SuggestedFix))
			}
			return nil
		})
	})
}

func (p *pass) thresholds() detect.Thresholds {
	return detect.Thresholds{
		Lookback:        int64(p.o.lookbackHours) * store.Hour,
		SilentThreshold: int64(p.o.silentMin) * store.Minute,
		RecentWindow:    int64(p.o.recentMin) * store.Minute,
		FatalRatio:      p.o.fatalRatio,
		FatalMinCount:   p.o.fatalMinCount,
	}
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
