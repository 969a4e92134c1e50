// Package detect finds hosts in trouble: one SQL query a symptom, over the facts
// that package store holds, and a decision whether to alert again. It imports
// store and no other room. The queries also run by hand in sqlite3, after
// `.param set :now …`.
package detect

import (
	_ "embed"
	"fmt"

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

// Finding is a symptom of a host, now. Host is its stored name.
type Finding struct{ Host, Symptom, Detail, Fix string }

// Reason says what becomes of a finding.
type Reason string

// Reasons that Decide returns.
const (
	AlertNow        Reason = "not alerted in this hour yet"
	AlreadyThisHour Reason = "already alerted in this hour"
)

// Key is the dedup key of a symptom of a host in the UTC hour of now. host is its
// stored name; the key is made of the name that stands in alerts.jsonl.
func Key(host, symptom string, now int64) string {
	return store.AlertKey(store.AlertsName(host), symptom, now)
}

// Decide tells whether a finding is worth an alert, given the alert that is
// stored under its key, if any. It does nothing else.
func Decide(f Finding, stored *store.Alert, now int64) Reason {
	if stored != nil && stored.DedupKey == Key(f.Host, f.Symptom, now) {
		return AlreadyThisHour
	}
	return AlertNow
}

// Source is what a pass knows of one source when the detectors run. The zero
// Source was read up to the time of the pass.
type Source struct {
	Off  bool   // nobody asked for it: its detectors do not run
	Held string // why its detectors are held back, for people; "" if they run
	// ReadTo is the time up to which the source was read, in microseconds. Its
	// detectors judge as of then. 0 means the time of the pass.
	ReadTo int64
}

func (s Source) heldBack() bool { return !s.Off && s.Held != "" }

// Sources are those of a pass. A detector is held back while its source was not
// read: it would take our blindness for a host's trouble.
type Sources struct {
	Index, Journal Source
	// NoPuts and NoRejections tell that the journal was read, but that its lines
	// are of a form in which no PUT and no rejection is understood.
	NoPuts, NoRejections bool
}

// understood returns a source that was read, and holds its detectors back if
// nothing in it was understood.
func (s Source) understood(none bool) Source {
	if none && s.Held == "" {
		s.Held = "no line of the receiver was understood as a PUT"
	}
	return s
}

// detector finds the hosts that have one symptom.
type detector struct {
	symptom string
	source  Source
	reach   int64 // how far back it looks, in microseconds
	// find calls found with each finding. waits is why there may be more that cannot
	// be judged yet, for people; "" if there are none.
	find func(tx *store.Tx, t Thresholds, now int64, found func(Finding) error) (waits string, err error)
}

// Run runs the detectors, and stores new alerts, which it counts, and what is held
// back. Alerts are of now, even where a source was only read up to an earlier
// time. All hosts of a fleet may be in trouble at once: it holds one finding at a
// time.
func Run(tx *store.Tx, t Thresholds, read Sources, now, pass int64) (alerts int, err error) {
	detectors := []detector{
		{Silent, read.Index, t.Lookback, findSilent},
		{FatalOnly, read.Journal.understood(read.NoPuts), t.RecentWindow, findFatalOnly},
		{Unstamped, read.Journal.understood(read.NoRejections), t.RecentWindow, findUnstamped},
	}
	for _, d := range detectors {
		n, err := d.run(tx, t, now, pass)
		if alerts += n; err != nil {
			return alerts, fmt.Errorf("detect %s: %w", d.symptom, err)
		}
	}
	return alerts, nil
}

func (d *detector) run(tx *store.Tx, t Thresholds, now, pass int64) (alerts int, err error) {
	switch {
	case d.source.heldBack():
		return 0, tx.HoldBack(d.symptom, now, d.source.Held)
	case d.source.Off:
		return 0, tx.LetGo(d.symptom)
	}
	asOf, remark := now, ""
	if to := d.source.ReadTo; to != 0 && to < now {
		asOf, remark = to, "; as of "+store.FormatTime(to)+", up to when the source was read"
	}
	r := &raiser{tx: tx, symptom: d.symptom, now: now, pass: pass, single: -1}
	waits, err := d.find(tx, t, asOf, func(f Finding) error {
		f.Detail += remark
		return r.raise(f)
	})
	if err == nil {
		err = r.rest()
	}
	if err == nil && waits != "" {
		err = tx.HoldBack(d.symptom, now, waits)
	} else if err == nil {
		err = tx.LetGo(d.symptom)
	}
	if err != nil {
		return r.alerts, err
	}
	return r.alerts, tx.Evaluated(d.symptom, now, d.reach)
}

func findSilent(tx *store.Tx, t Thresholds, now int64, found func(Finding) error) (waits string, err error) {
	var r struct {
		Host       string `db:"host"`
		LastShipAt int64  `db:"last_ship_at"`
		Waits      bool   `db:"waits"`
	}
	waiting := 0
	params := map[string]any{"now": now, "lookback": t.Lookback, "threshold": t.SilentThreshold}
	err = tx.EachNamed(&r, silentSQL, params, func() error {
		if r.Waits {
			waiting++
			return nil
		}
		return found(Finding{r.Host, Silent,
			fmt.Sprintf("nothing accepted for %.0f min, the last ship came at %s",
				float64(now-r.LastShipAt)/float64(store.Minute), store.FormatTime(r.LastShipAt)),
			fmt.Sprintf("on %s, look at `systemctl status cis490-shipper cis490-orchestrator`; start what is stopped "+
				"with `sudo systemctl start cis490-shipper cis490-orchestrator`; if one keeps failing, FIXYOURSELF.md has the steps", store.HostInText(r.Host))})
	})
	if waiting > 0 {
		waits = fmt.Sprintf("%d host(s) may have shipped in a gap of the index, and it has had no row since: does the receiver still write to it?", waiting)
	}
	return waits, err
}

func findFatalOnly(tx *store.Tx, t Thresholds, now int64, found func(Finding) error) (waits string, err error) {
	var r struct {
		Host string `db:"host"`
		P4xx int    `db:"puts_4xx"`
		P5xx int    `db:"puts_5xx"`
	}
	params := map[string]any{"now": now, "window": t.RecentWindow,
		"min_count": t.FatalMinCount, "ratio": t.FatalRatio}
	return "", tx.EachNamed(&r, fatalOnlySQL, params, func() error {
		fix := fmt.Sprintf("on %s, read `journalctl -u cis490-shipper --since '5 minutes ago'`; a 412 is a refused code commit, "+
			"mostly a diverged HEAD: FIXYOURSELF.md §B", store.HostInText(r.Host))
		if r.Host == store.OverflowHost || r.Host == store.InvalidHost {
			fix = blockMakers
		}
		return found(Finding{r.Host, FatalOnly,
			fmt.Sprintf("%d PUT(s) and not one accepted: %d × 4xx, %d × 5xx, 0 × 2xx", r.P4xx+r.P5xx, r.P4xx, r.P5xx), fix})
	})
}

func findUnstamped(tx *store.Tx, t Thresholds, now int64, found func(Finding) error) (waits string, err error) {
	var r struct {
		Host      string `db:"host"`
		Unstamped int    `db:"unstamped"`
	}
	params := map[string]any{"now": now, "window": t.RecentWindow, "min_count": t.FatalMinCount}
	return "", tx.EachNamed(&r, unstampedSQL, params, func() error {
		return found(Finding{r.Host, Unstamped,
			fmt.Sprintf("%d PUT(s) refused for want of X-Cis490-Code-Commit: its orchestrator predates stamping", r.Unstamped),
			fmt.Sprintf("on %s, run `sudo /opt/cis490/scripts/install-lab-host.sh`, which stamps VERSION and restarts the "+
				"orchestrator; where cis490-autoupdate.timer is on, wait half an hour first", store.HostInText(r.Host))})
	})
}
