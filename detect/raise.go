package detect

import (
	"fmt"

	"github.com/cis490/fleet-health/store"
)

// MaxMadeUp is the largest number of alerts per symptom and UTC hour for hosts that
// never shipped. Anybody can invent names, so all others share one alert of
// store.OverflowHost.
const MaxMadeUp = 50

// blockMakers is the fix for invented names.
const blockMakers = "on the receiver, `journalctl -u cis490-receiver --since '1 hour ago'` shows which address makes up these host names; block it"

// Key returns the dedup key of a symptom of a host in the UTC hour of now, in
// microseconds. host is the stored name. The key is made from the name in alerts.jsonl.
func Key(host, symptom string, now int64) string {
	return store.AlertKey(store.AlertsName(host), symptom, now)
}

// Reason is the reason of a decision about a finding.
type Reason string

// Reasons that Decide returns.
const (
	AlertNow        Reason = "not alerted in this hour yet"
	AlreadyThisHour Reason = "already alerted in this hour"
	TooManyNames    Reason = "enough names that never shipped were alerted in this hour"
)

// Decide decides whether a finding becomes an alert of its own. stored is the alert with
// its key, nil for none. neverShipped means that its host never shipped. madeUp is the
// number of alerts of such hosts in this hour.
func Decide(stored *store.Alert, neverShipped bool, madeUp int) Reason {
	switch {
	case stored != nil:
		return AlreadyThisHour
	case neverShipped && madeUp >= MaxMadeUp:
		return TooManyNames
	default:
		return AlertNow
	}
}

// Raise stores the alerts, and the detectors that are held back. It returns the number of
// new alerts. Their time is now, in microseconds, even if a source was read only up to an
// earlier time. pass is the ID of the pass, 0 for none. It drops the findings of silences:
// Follow does not need them, and there may be 10,000.
func Raise(tx *store.Tx, judgments []Judgment, now, pass int64) (alerts int, err error) {
	for n, v := range judgments {
		r := raiser{tx: tx, judgment: v, now: now, pass: pass}
		if err := r.raise(); err != nil {
			return 0, fmt.Errorf("detect %s: %w", v.Symptom, err)
		}
		if v.detector.silence {
			judgments[n].Findings = nil
		}
		alerts += r.alerts
	}
	return alerts, nil
}

// raiser stores the result of one detector.
type raiser struct {
	tx        *store.Tx
	judgment  Judgment
	now, pass int64
	alerts    int // new alerts
	madeUp    int // alerts of this hour for hosts that never shipped
	others    int // findings about such hosts beyond MaxMadeUp
}

func (r *raiser) raise() (err error) {
	v := r.judgment
	if v.Held != "" {
		err = r.tx.HoldBack(v.Symptom, r.now, v.Held)
	} else {
		err = r.tx.LetGo(v.Symptom)
	}
	if err != nil || v.AsOf == 0 {
		return err
	}
	if len(v.Findings) > 0 && !v.detector.silence {
		if r.madeUp, err = r.tx.AlertsOfNeverShipped(v.Symptom, r.now-r.now%store.Hour); err != nil {
			return err
		}
	}
	if err := v.each(r.tx, r.finding); err != nil {
		return err
	}
	if err := r.rest(); err != nil {
		return err
	}
	return r.tx.Evaluated(v.Symptom, r.now, v.reach)
}

// finding stores a finding as a new alert, or records that its alert was found again.
func (r *raiser) finding(f Finding) error {
	stored, err := r.tx.Alert(Key(f.Host, r.judgment.Symptom, r.now))
	if err != nil {
		return err
	}
	neverShipped := false
	if stored == nil && !r.judgment.detector.silence {
		if neverShipped, err = r.tx.NeverShipped(f.Host); err != nil {
			return err
		}
	}
	switch Decide(stored, neverShipped, r.madeUp) {
	case AlreadyThisHour:
		return r.tx.FoundAgain(stored.ID, r.now)
	case TooManyNames:
		r.others++
		return nil
	}
	if neverShipped {
		r.madeUp++
	}
	return r.add(f.Host, r.judgment.detail(f, r.now), r.judgment.detector.fix(f))
}

func (r *raiser) add(host, detail, fix string) error {
	symptom := r.judgment.Symptom
	a := store.Alert{DedupKey: Key(host, symptom, r.now), Host: host, Symptom: symptom,
		Detail: detail, SuggestedFix: fix, DetectedAt: r.now, LastFoundAt: r.now}
	a.PassID.Int64, a.PassID.Valid = r.pass, r.pass != 0
	added, err := r.tx.AddAlert(a)
	if added {
		r.alerts++
	}
	return err
}

// rest stores one alert of store.OverflowHost for the findings without an alert of their
// own. If this pass has just raised that alert, it adds their number to its detail.
func (r *raiser) rest() error {
	if r.others == 0 {
		return nil
	}
	detail := fmt.Sprintf("%d more host name(s) that never shipped", r.others)
	stored, err := r.tx.Alert(Key(store.OverflowHost, r.judgment.Symptom, r.now))
	switch {
	case err != nil:
		return err
	case stored == nil:
		return r.add(store.OverflowHost, detail, blockMakers)
	case stored.DetectedAt == r.now && !stored.ExportedAt.Valid:
		return r.tx.SetDetail(stored.ID, stored.Detail+"; and "+detail)
	}
	return r.tx.FoundAgain(stored.ID, r.now)
}
