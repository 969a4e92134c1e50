// Package detect finds hosts in trouble. A detector is one value and one SQL query over
// the facts in package store. Find runs all detectors, and Raise stores their findings as
// alerts. The package imports store and no other room. The queries also run by hand in
// sqlite3, after `.param set :now …`.
package detect

import (
	"fmt"

	"github.com/cis490/fleet-health/store"
	"github.com/cis490/fleet-health/store/isotime"
)

// Thresholds are the thresholds of the detectors. Durations are in microseconds.
type Thresholds struct {
	Lookback, SilentThreshold, RecentWindow int64
	FatalRatio                              float64
	FatalMinCount                           int

	NoRejected, NoOverdue, NoPartial bool  // turn a detector off
	RejectedCount                    int   // 4xx that a rejected host has had
	RejectedFor                      int64 // age of the first of them
	OverdueFor                       int64 // least silence of an overdue host
	FailingCount, FailingHosts       int   // 5xx of a failing receiver, and their hosts
	FailingFor                       int64 // time between the first and the last of them
	SilentFor                        int64 // silence of a silent receiver
	SilentPuts                       int   // PUTs that should have come meanwhile
	StuckPuts                        int   // PUTs that were accepted and not recorded
	StuckFor                         int64 // time between the first and the last of them
	GroupHosts                       int   // hosts of a group
	Hold                             int64 // a shorter recovery does not end an incident
}

// DefaultThresholds returns the thresholds of a pass without flags.
func DefaultThresholds() Thresholds {
	return Thresholds{
		Lookback: 24 * store.Hour, SilentThreshold: 30 * store.Minute, RecentWindow: 30 * store.Minute, FatalRatio: 0.95, FatalMinCount: 10,
		RejectedCount: 5, RejectedFor: 10 * store.Minute, OverdueFor: 20 * store.Minute,
		FailingCount: 10, FailingHosts: 3, FailingFor: 3 * store.Minute,
		SilentFor: 10 * store.Minute, SilentPuts: 20, StuckPuts: 20, StuckFor: 5 * store.Minute,
		GroupHosts: 3, Hold: 15 * store.Minute,
	}
}

// params returns the parameters that the queries may use.
func (t Thresholds) params(now int64) map[string]any {
	return map[string]any{"now": now, "lookback": t.Lookback, "threshold": t.SilentThreshold,
		"window": t.RecentWindow, "min_count": t.FatalMinCount, "ratio": t.FatalRatio,
		"day": 24 * store.Hour, "hour": store.Hour, "minute": store.Minute, "least": leastQuiet,
		"failing_count": t.FailingCount, "failing_hosts": t.FailingHosts, "failing_for": t.FailingFor,
		"silent_for": t.SilentFor, "silent_puts": t.SilentPuts,
		"stuck_puts": t.StuckPuts, "stuck_for": t.StuckFor, "group_hosts": t.GroupHosts}
}

// leastQuiet is the silence, in microseconds, below which no host is asked about.
const leastQuiet = 10 * store.Minute

// Source tells how far a source was read when the detectors run. The zero Source was
// read up to the time of the pass.
type Source struct {
	Off  bool   `json:"off,omitempty"`  // the operator did not ask for the source, so its detectors do not run
	Held string `json:"held,omitempty"` // the reason why its detectors are held back, for people; "" if they run
	// Unread means that the source could not be read to its end.
	Unread bool `json:"unread,omitempty"`
	// ReadTo is the time up to which the source was read, in microseconds. The
	// detectors judge as of that time. 0 means the time of the pass.
	ReadTo int64 `json:"read_to,omitempty"`
}

// Sources are the sources of a pass. A detector is held back while its source is not
// read, because it would take missing facts for a host's trouble.
type Sources struct {
	Index   Source `json:"index,omitzero"`
	Journal Source `json:"journal,omitzero"`
	// NoPuts and NoRejections mean that the journal was read, but its lines have a form
	// in which no PUT or no rejection is understood.
	NoPuts       bool `json:"no_puts,omitempty"`
	NoRejections bool `json:"no_rejections,omitempty"`
}

func (s Sources) puts() Source       { return s.Journal.understood(s.NoPuts) }
func (s Sources) rejections() Source { return s.Journal.understood(s.NoRejections) }

// understood returns the source, with its detectors held back if none of its lines was
// understood.
func (s Source) understood(none bool) Source {
	if none && s.Held == "" {
		s.Held = "no line of the receiver was understood as a PUT"
	}
	return s
}

// Judgment is the result of one detector for all hosts.
type Judgment struct {
	Symptom string
	AsOf    int64  // the time as of which it judges, in microseconds; 0 if it does not judge
	Held    string // the reason why it cannot judge some or all hosts, for people; "" if it can, or if its source is off
	// Findings are the first, ordered by host name: at most MaxFindings, and 1 MiB of names.
	// If there are more, Raise runs the query again.
	Findings []Finding
	more     bool
	detector detector
	params   map[string]any
	reach    int64 // how far back it looked, in microseconds
}

// MaxFindings is the largest number of findings of a detector in memory. A fleet has
// fewer hosts, but anybody may invent a million names of hundreds of bytes.
const MaxFindings = 10_000

// maxNames is the largest total of the names of hosts in memory, in bytes: ten times that of
// MaxFindings ordinary names.
const maxNames = 1 << 20

// room counts the hosts that are kept in memory.
type room struct{ hosts, bytes int }

// takes reports whether there is room for one more host.
func (r *room) takes(name string) bool {
	if r.hosts == MaxFindings || r.bytes+len(name) > maxNames {
		return false
	}
	r.hosts++
	r.bytes += len(name)
	return true
}

// Find returns the result of each detector as of now, in microseconds, or as of the time
// up to which its source was read. It writes nothing.
func Find(tx *store.Tx, t Thresholds, read Sources, now int64) ([]Judgment, error) {
	var judgments []Judgment
	for _, d := range detectors {
		v, err := d.judge(tx, t, d.source(read), now)
		if err != nil {
			return nil, fmt.Errorf("detect %s: %w", d.symptom, err)
		}
		judgments = append(judgments, v)
	}
	return judgments, nil
}

func (d detector) judge(tx *store.Tx, t Thresholds, source Source, now int64) (Judgment, error) {
	v := Judgment{Symptom: d.symptom, detector: d, reach: d.reach(t)}
	switch {
	case source.Off:
		return v, nil
	case source.Held != "":
		v.Held = source.Held
		return v, nil
	}
	v.AsOf = now
	if source.ReadTo != 0 {
		v.AsOf = min(now, source.ReadTo)
	}
	v.params = t.params(v.AsOf)
	var kept room
	waiting, err := v.read(tx, func(f Finding) error {
		if v.more = v.more || !kept.takes(f.Host); !v.more {
			v.Findings = append(v.Findings, f)
		}
		return nil
	})
	if waiting > 0 {
		v.Held = fmt.Sprintf(d.waits, waiting)
	}
	return v, err
}

// each calls its argument for all findings. The query may still be running, so the
// argument may write only to tables that the query does not read.
func (v *Judgment) each(tx *store.Tx, each func(Finding) error) error {
	if v.more {
		_, err := v.read(tx, each)
		return err
	}
	for _, f := range v.Findings {
		if err := each(f); err != nil {
			return err
		}
	}
	return nil
}

// detail returns the detail of the alert for a finding, in a pass as of now.
func (v *Judgment) detail(f Finding, now int64) string {
	detail := v.detector.detail(f, v.AsOf)
	if v.AsOf < now {
		detail += "; as of " + isotime.Format(v.AsOf) + ", up to when the source was read"
	}
	return detail
}

// read runs the query and calls each for every finding. It returns the number of hosts
// that cannot be judged yet.
func (v *Judgment) read(tx *store.Tx, each func(Finding) error) (waiting int, err error) {
	query, err := queries.ReadFile(v.detector.query)
	if err != nil {
		return 0, err
	}
	var row struct {
		Finding
		Waits bool `db:"waits"`
	}
	err = tx.EachNamed(&row, string(query), v.params, func() error {
		if row.Waits {
			waiting++
			return nil
		}
		return each(row.Finding)
	})
	return waiting, err
}
