package cli

import (
	"fmt"
	"strconv"

	"github.com/cis490/fleet-health/detect"
	"github.com/cis490/fleet-health/store"
	"github.com/spf13/pflag"
)

// thresholdFlags adds the flags of the thresholds. Their defaults are what t has.
func thresholdFlags(f *pflag.FlagSet, t *detect.Thresholds) {
	f.Var((*ratio)(&t.FatalRatio), "fatal-ratio-threshold", "fraction of PUTs (0 to 1) that must fail for fatal-only")
	for _, s := range []struct {
		turnedOff  *bool
		flag, help string
	}{
		{&t.NoRejected, "rejected", "find hosts whose PUTs were all refused since the last accepted one; false turns it off"},
		{&t.NoOverdue, "overdue", "find hosts that are silent for longer than their own past makes normal; false leaves them to silent"},
		{&t.NoPartial, "partial", "find hosts of whose last 20 PUTs half failed; false turns it off"},
	} {
		f.VarPF((*detector)(s.turnedOff), s.flag, "", s.help).NoOptDefVal = "true"
	}
	for _, n := range []struct {
		value      pflag.Value
		flag, help string
	}{
		{count[int64]{&t.Lookback, store.Hour}, "lookback-hours", "hours without a ship after which a host is lost"},
		{count[int64]{&t.SilentThreshold, store.Minute}, "silent-threshold-min", "minutes without a ship after which a host is silent"},
		{count[int64]{&t.RecentWindow, store.Minute}, "recent-window-min", "minutes of PUTs that fatal-only and unstamped look at"},
		{count[int]{&t.FatalMinCount, 1}, "fatal-min-count", "PUTs or rejections that a host must have to be judged"},
		{count[int]{&t.RejectedCount, 1}, "rejected-count", "PUTs with a 4xx that make a host rejected"},
		{count[int64]{&t.RejectedFor, store.Minute}, "rejected-min", "minutes since the first of them"},
		{count[int64]{&t.OverdueFor, store.Minute}, "overdue-min", "minutes for which a host is never overdue"},
		{count[int]{&t.FailingCount, 1}, "failing-count", "PUTs with a 5xx that make the receiver failing"},
		{count[int]{&t.FailingHosts, 1}, "failing-hosts", "hosts that must have sent them, or all hosts, if there are fewer"},
		{count[int64]{&t.FailingFor, store.Minute}, "failing-min", "minutes between the first and the last of them"},
		{count[int64]{&t.SilentFor, store.Minute}, "receiver-silent-min", "minutes without any PUT or ship that make the receiver silent"},
		{count[int]{&t.SilentPuts, 1}, "receiver-silent-puts", "PUTs that should have come in that time"},
		{count[int]{&t.StuckPuts, 1}, "stuck-puts", "PUTs that were accepted and are not in the index, which make it stuck"},
		{count[int64]{&t.StuckFor, store.Minute}, "stuck-min", "minutes between the first and the last of them"},
		{count[int]{&t.GroupHosts, 1}, "group-hosts", "hosts with the same trouble that make a group"},
		{count[int64]{&t.Hold, store.Minute}, "hold-min", "minutes of recovery that end an incident"},
	} {
		f.Var(n.value, n.flag, n.help)
	}
}

// mostCount is the largest number of such a flag.
const mostCount = 1_000_000

// count is the value of a flag that is a number of units, from 1 to mostCount.
type count[T int | int64] struct {
	into *T
	unit T
}

func (c count[T]) Set(text string) error {
	n, err := strconv.ParseInt(text, 0, 64)
	if err != nil {
		return err
	}
	if n < 1 || n > mostCount {
		return fmt.Errorf("it is not between 1 and %d", mostCount)
	}
	*c.into = T(n) * c.unit
	return nil
}

func (c count[T]) String() string {
	if c.into == nil {
		return "0"
	}
	return fmt.Sprint(*c.into / c.unit)
}

func (c count[T]) Type() string { return "int" }

// ratio is the value of a flag that is a number from 0 to 1.
type ratio float64

func (r *ratio) Set(text string) error {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return err
	}
	if !(n >= 0 && n <= 1) { // it may be NaN
		return fmt.Errorf("it is not between 0 and 1")
	}
	*r = ratio(n)
	return nil
}

func (r *ratio) String() string { return strconv.FormatFloat(float64(*r), 'g', -1, 64) }
func (r *ratio) Type() string   { return "float" }

// detector is the value of a flag that turns a detector on or off. It is true if it is off.
type detector bool

func (d *detector) Set(text string) error {
	on, err := strconv.ParseBool(text)
	*d = detector(!on)
	return err
}

func (d *detector) String() string { return strconv.FormatBool(!bool(*d)) }
func (d *detector) Type() string   { return "bool" }
