package detect

import (
	"fmt"

	"github.com/cis490/fleet-health/store"
)

// MaxNeverShipped is how many alerts of one symptom the names that never shipped
// get in one UTC hour, each under its own name. Anybody can make names up: all
// others are one alert of store.OverflowHost.
const MaxNeverShipped = 50

// blockMakers is the fix for names that are made up.
const blockMakers = "on the receiver, `journalctl -u cis490-receiver --since '1 hour ago'` shows which address makes up these host names; block it"

// raiser stores the findings of one detector as alerts.
type raiser struct {
	tx        *store.Tx
	symptom   string
	now, pass int64
	alerts    int // new ones
	single    int // alerts of this hour of names that never shipped; negative if not known yet
	others    int // findings of such names beyond MaxNeverShipped
}

// raise stores a finding as an alert, or that it was found again.
func (r *raiser) raise(f Finding) error {
	stored, err := r.tx.Alert(Key(f.Host, f.Symptom, r.now))
	if err != nil {
		return err
	}
	if Decide(f, stored, r.now) == AlreadyThisHour {
		return r.tx.FoundAgain(stored.ID, r.now)
	}
	// Only a host that has shipped can be silent.
	if f.Symptom != Silent {
		never, err := r.tx.NeverShipped(f.Host)
		if err != nil {
			return err
		}
		if never && r.single < 0 {
			if r.single, err = r.tx.AlertsOfNeverShipped(f.Symptom, r.now-r.now%store.Hour); err != nil {
				return err
			}
		}
		if never && r.single >= MaxNeverShipped {
			r.others++
			return nil
		}
		if never {
			r.single++
		}
	}
	return r.add(f)
}

func (r *raiser) add(f Finding) error {
	a := store.Alert{DedupKey: Key(f.Host, f.Symptom, r.now), Host: f.Host, Symptom: f.Symptom,
		Detail: f.Detail, SuggestedFix: f.Fix, DetectedAt: r.now, LastFoundAt: r.now}
	a.PassID.Int64, a.PassID.Valid = r.pass, r.pass != 0
	added, err := r.tx.AddAlert(a)
	if added {
		r.alerts++
	}
	return err
}

// rest stores the findings that got no alert of their own. If the hosts that are
// counted under store.OverflowHost were found as well, they share its alert.
func (r *raiser) rest() error {
	if r.others == 0 {
		return nil
	}
	detail := fmt.Sprintf("%d more host name(s) that never shipped", r.others)
	stored, err := r.tx.Alert(Key(store.OverflowHost, r.symptom, r.now))
	switch {
	case err != nil:
		return err
	case stored == nil:
		return r.add(Finding{store.OverflowHost, r.symptom, detail, blockMakers})
	case stored.DetectedAt == r.now && !stored.ExportedAt.Valid:
		return r.tx.SetDetail(stored.ID, stored.Detail+"; and "+detail)
	}
	return r.tx.FoundAgain(stored.ID, r.now)
}
