// Package detect finds hosts in trouble. A detector is one value and one SQL query,
// over the facts that package store holds. Find asks all detectors, and Raise stores
// what they found as alerts. It imports store and no other room. The queries also run
// by hand in sqlite3, after `.param set :now …`.
package detect

import (
	"fmt"

	"github.com/cis490/fleet-health/store"
	"github.com/cis490/fleet-health/store/isotime"
)

// Thresholds of the detectors. Lengths of time are microseconds.
type Thresholds struct {
	Lookback, SilentThreshold, RecentWindow int64
	FatalRatio                              float64
	FatalMinCount                           int
}

// params are the parameters that queries may have.
func (t Thresholds) params(now int64) map[string]any {
	return map[string]any{"now": now, "lookback": t.Lookback, "threshold": t.SilentThreshold,
		"window": t.RecentWindow, "min_count": t.FatalMinCount, "ratio": t.FatalRatio}
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

// Sources are those of a pass. A detector is held back while its source was not
// read: it would take our blindness for a host's trouble.
type Sources struct {
	Index, Journal Source
	// NoPuts and NoRejections tell that the journal was read, but that its lines
	// are of a form in which no PUT and no rejection is understood.
	NoPuts, NoRejections bool
}

func (s Sources) puts() Source       { return s.Journal.understood(s.NoPuts) }
func (s Sources) rejections() Source { return s.Journal.understood(s.NoRejections) }

// understood returns a source that was read, and holds its detectors back if
// nothing in it was understood.
func (s Source) understood(none bool) Source {
	if none && s.Held == "" {
		s.Held = "no line of the receiver was understood as a PUT"
	}
	return s
}

// Verdict is what one detector says of all hosts.
type Verdict struct {
	Symptom string
	AsOf    int64  // the time as of which it judges, in microseconds; 0 if it does not judge
	Held    string // why it cannot judge some hosts, or any, for people; "" if it can, or if nobody asks for its source
	// Findings are in the order of their hosts' names. They are the first MaxFindings:
	// if there are more, Raise reads all of them again.
	Findings []Finding
	more     bool
	detector detector
	params   map[string]any
	reach    int64 // how far back it looked, in microseconds
}

// MaxFindings is how many findings of a detector are kept in memory. A fleet has
// fewer hosts, but anybody may make up a million, with names of hundreds of bytes.
const MaxFindings = 10_000

// Find returns what each detector says, given how far the sources were read, as of
// now, in microseconds. It writes nothing.
func Find(tx *store.Tx, t Thresholds, read Sources, now int64) ([]Verdict, error) {
	var verdicts []Verdict
	for _, d := range detectors {
		v, err := d.judge(tx, t, d.source(read), now)
		if err != nil {
			return nil, fmt.Errorf("detect %s: %w", d.symptom, err)
		}
		verdicts = append(verdicts, v)
	}
	return verdicts, nil
}

func (d detector) judge(tx *store.Tx, t Thresholds, source Source, now int64) (Verdict, error) {
	v := Verdict{Symptom: d.symptom, detector: d, reach: d.reach(t)}
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
	waiting, err := v.read(tx, func(f Finding) error {
		if v.more = len(v.Findings) == MaxFindings; !v.more {
			v.Findings = append(v.Findings, f)
		}
		return nil
	})
	if waiting > 0 {
		v.Held = fmt.Sprintf(d.waits, waiting)
	}
	return v, err
}

// each hands out all findings. The query may still be running meanwhile, so that each
// may only write to tables that it does not read.
func (v *Verdict) each(tx *store.Tx, each func(Finding) error) error {
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

// detail describes a finding to a pass as of now.
func (v *Verdict) detail(f Finding, now int64) string {
	detail := v.detector.detail(f, v.AsOf)
	if v.AsOf < now {
		detail += "; as of " + isotime.Format(v.AsOf) + ", up to when the source was read"
	}
	return detail
}

// read runs the query, hands out the findings, and counts the hosts that cannot be
// judged yet.
func (v *Verdict) read(tx *store.Tx, each func(Finding) error) (waiting int, err error) {
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
