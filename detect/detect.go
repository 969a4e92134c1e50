// Package detect finds hosts in trouble: one SQL query a symptom, over the facts
// that package store holds, and a decision whether to alert again. It imports
// store and no other room. The queries also run by hand in sqlite3, after
// `.param set :now …`.
package detect

import (
	_ "embed"
	"fmt"
	"strconv"

	"github.com/cis490/fleet-health/store"
)

//go:embed silent.sql
var silentSQL string

//go:embed fatal_only.sql
var fatalOnlySQL string

//go:embed unstamped.sql
var unstampedSQL string

// Symptoms.
const (
	Silent    = "silent"
	FatalOnly = "fatal-only"
	Unstamped = "unstamped"
)

// Thresholds of the detectors. Lengths of time are microseconds.
type Thresholds struct {
	Lookback, SilentThreshold, RecentWindow int64
	FatalRatio                              float64
	FatalMinCount                           int
}

// Finding is a symptom of a host, now.
type Finding struct{ Host, Symptom, Detail, Fix string }

// Reason says what becomes of a finding.
type Reason string

// Reasons that Decide returns.
const (
	AlertNow        Reason = "not alerted in this hour yet"
	AlreadyThisHour Reason = "already alerted in this hour"
)

// Key is the dedup key of a symptom of a host in the UTC hour of now.
func Key(host, symptom string, now int64) string { return store.AlertKey(host, symptom, now) }

// Decide tells whether a finding is worth an alert, given the alert that is
// stored under its key, if any. It does nothing else.
func Decide(f Finding, stored *store.Alert, now int64) Reason {
	if stored != nil && stored.DedupKey == Key(f.Host, f.Symptom, now) {
		return AlreadyThisHour
	}
	return AlertNow
}

// Sources tells which sources were read to their end. A detector whose source
// was not is held back: it would take our blindness for a host's trouble.
type Sources struct{ Index, Journal bool }

// Run runs the detectors as of now, and stores new alerts, which it counts. All
// hosts of a fleet may be in trouble at once: it holds one finding at a time.
func Run(tx *store.Tx, t Thresholds, read Sources, now, pass int64) (alerts int, err error) {
	for _, d := range []struct {
		symptom string
		ready   bool
		reach   int64
		find    func(tx *store.Tx, t Thresholds, now int64, found func(Finding) error) error
	}{
		{Silent, read.Index, t.Lookback, findSilent},
		{FatalOnly, read.Journal, t.RecentWindow, findFatalOnly},
		{Unstamped, read.Journal, t.RecentWindow, findUnstamped},
	} {
		if !d.ready {
			continue
		}
		r := &raiser{tx: tx, symptom: d.symptom, now: now, pass: pass, single: -1}
		err := d.find(tx, t, now, r.raise)
		if err == nil {
			err = r.rest()
		}
		alerts += r.alerts
		if err != nil {
			return alerts, fmt.Errorf("detect %s: %w", d.symptom, err)
		}
		if err := tx.Evaluated(d.symptom, now, d.reach); err != nil {
			return alerts, err
		}
	}
	return alerts, nil
}

// plain is a host's name as it may stand among commands that an operator will
// type: quoted, if it could be taken for anything but a name.
func plain(host string) string {
	if store.PlainHost(host) {
		return host
	}
	return strconv.Quote(host)
}

func findSilent(tx *store.Tx, t Thresholds, now int64, found func(Finding) error) error {
	var r struct {
		Host       string `db:"host"`
		LastShipAt int64  `db:"last_ship_at"`
	}
	params := map[string]any{"now": now, "lookback": t.Lookback, "threshold": t.SilentThreshold}
	return tx.EachNamed(&r, silentSQL, params, func() error {
		return found(Finding{r.Host, Silent,
			fmt.Sprintf("nothing accepted for %.0f min, the last ship came at %s",
				float64(now-r.LastShipAt)/float64(store.Minute), store.FormatTime(r.LastShipAt)),
			fmt.Sprintf("on %s, look at `systemctl status cis490-shipper cis490-orchestrator`; start what is stopped "+
				"with `sudo systemctl start cis490-shipper cis490-orchestrator`; if one keeps failing, FIXYOURSELF.md has the steps", plain(r.Host))})
	})
}

func findFatalOnly(tx *store.Tx, t Thresholds, now int64, found func(Finding) error) error {
	var r struct {
		Host string `db:"host"`
		P4xx int    `db:"puts_4xx"`
		P5xx int    `db:"puts_5xx"`
	}
	params := map[string]any{"now": now, "window": t.RecentWindow,
		"min_count": t.FatalMinCount, "ratio": t.FatalRatio}
	return tx.EachNamed(&r, fatalOnlySQL, params, func() error {
		fix := fmt.Sprintf("on %s, read `journalctl -u cis490-shipper --since '5 minutes ago'`; a 412 is a refused code commit, "+
			"mostly a diverged HEAD: FIXYOURSELF.md §B", plain(r.Host))
		if r.Host == store.OverflowHost || r.Host == store.InvalidHost {
			fix = blockMakers
		}
		return found(Finding{r.Host, FatalOnly,
			fmt.Sprintf("%d PUT(s) and not one accepted: %d × 4xx, %d × 5xx, 0 × 2xx", r.P4xx+r.P5xx, r.P4xx, r.P5xx), fix})
	})
}

func findUnstamped(tx *store.Tx, t Thresholds, now int64, found func(Finding) error) error {
	var r struct {
		Host      string `db:"host"`
		Unstamped int    `db:"unstamped"`
	}
	params := map[string]any{"now": now, "window": t.RecentWindow, "min_count": t.FatalMinCount}
	return tx.EachNamed(&r, unstampedSQL, params, func() error {
		return found(Finding{r.Host, Unstamped,
			fmt.Sprintf("%d PUT(s) refused for want of X-Cis490-Code-Commit: its orchestrator predates stamping", r.Unstamped),
			fmt.Sprintf("on %s, run `sudo /opt/cis490/scripts/install-lab-host.sh`, which stamps VERSION and restarts the "+
				"orchestrator; where cis490-autoupdate.timer is on, wait half an hour first", plain(r.Host))})
	})
}
