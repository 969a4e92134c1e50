package detect

import (
	"slices"

	"github.com/cis490/fleet-health/store"
)

// Kind is the kind of a setting's value.
type Kind int

// Kinds of values. The zero Kind is Length.
const (
	Length Kind = iota // microseconds
	Count              // a number
	Switch             // 1 for on, 0 for off
)

// Setting is a threshold that may be set for one host.
type Setting struct {
	Name        string
	Kind        Kind
	Least, Most int64 // of a length in microseconds, or of a count
	Help        string
	apply       func(t *Thresholds, value int64)
}

// settings are applied in this order: a silence that has a threshold of its own is not judged
// by the rhythm, unless overdue is on for the host as well.
var settings = []Setting{
	{"silent-threshold", Length, leastQuiet, 365 * 24 * store.Hour, "silent after this time without a ship, whatever its rhythm",
		func(t *Thresholds, v int64) { t.SilentThreshold, t.NoOverdue = v, true }},
	{"overdue", Switch, 0, 1, "whether its rhythm decides when it is silent",
		func(t *Thresholds, v int64) { t.NoOverdue = v == 0 }},
	{"overdue-after", Length, leastQuiet, 365 * 24 * store.Hour, "never silent by its rhythm before this time",
		func(t *Thresholds, v int64) { t.OverdueFor = v }},
	{"rejected", Switch, 0, 1, "whether it is rejected if all its PUTs are refused",
		func(t *Thresholds, v int64) { t.NoRejected = v == 0 }},
	{"rejected-count", Count, 1, 1_000_000, "PUTs with a 4xx that make it rejected",
		func(t *Thresholds, v int64) { t.RejectedCount = int(v) }},
	{"rejected-after", Length, store.Minute, 365 * 24 * store.Hour, "time since the first of them",
		func(t *Thresholds, v int64) { t.RejectedFor = v }},
	{"partial", Switch, 0, 1, "whether half of its last 20 PUTs failing is a trouble",
		func(t *Thresholds, v int64) { t.NoPartial = v == 0 }},
	{"fatal-min-count", Count, 1, 1_000_000, "PUTs or rejections that it must have to be fatal-only or unstamped",
		func(t *Thresholds, v int64) { t.FatalMinCount = int(v) }},
}

// Settings returns what may be set for one host.
func Settings() []Setting { return slices.Clone(settings) }

// own is what is set for hosts, by host and setting.
type own map[string]map[string]int64

// readOwn returns what was set for hosts at a time in microseconds.
func readOwn(tx *store.Tx, at int64) (own, error) {
	list, err := tx.Settings("", at)
	o := own{}
	for _, s := range list {
		if o[s.Host] == nil {
			o[s.Host] = map[string]int64{}
		}
		o[s.Host][s.Name] = s.Value
	}
	return o, err
}

// of returns the thresholds of a host, which are those of the pass but for its settings.
func (o own) of(host string, pass *Thresholds) *Thresholds {
	set := o[host]
	if set == nil {
		return pass
	}
	t := *pass
	for _, s := range settings {
		if value, ok := set[s.Name]; ok {
			s.apply(&t, value)
		}
	}
	return &t
}
