package report

import (
	"slices"

	"github.com/cis490/fleet-health/store"
)

// Window is the period of a report: after Since, up to and including Until, both in
// microseconds.
type Window struct{ Since, Until int64 }

// Stale is the age of the last pass, in microseconds, after which its findings are no
// longer current. By then, two of the timer's five-minute passes were missed.
const Stale = 15 * store.Minute

// shortest is the length in microseconds below which a window is counted from raw rows
// alone.
const shortest = 3 * store.Hour

// parts are the parts of a window. Whole hours are counted from the rollups, the head and
// the tail from raw rows.
type parts struct {
	fromHour, toHour int64 // hours since 1970; toHour is not included
	headTo           int64 // the head is after Since, up to and including this time in microseconds
	tailFrom         int64 // the tail is from this time in microseconds up to Until
}

// Counted returns the window that is counted. Before the horizon, in microseconds, only the
// rollups are left, so the window is widened there to whole hours.
func (w Window) Counted(horizon int64) Window {
	if w.Since+1 < horizon {
		w.Since = (w.Since+1)/store.Hour*store.Hour - 1
	}
	if w.Until < horizon {
		w.Until = ceil(w.Until, store.Hour)*store.Hour - 1
	}
	return w
}

// parts cuts a window into its parts.
func (w Window) parts(horizon int64) parts {
	if w.Until-w.Since < shortest && w.Since+1 >= horizon {
		hour := w.Since / store.Hour
		return parts{hour, hour, w.Until, w.Until + 1}
	}
	w = w.Counted(horizon)
	p := parts{fromHour: ceil(w.Since+1, store.Hour), toHour: (w.Until + 1) / store.Hour}
	p.headTo, p.tailFrom = p.fromHour*store.Hour-1, p.toHour*store.Hour
	return p
}

// days returns the first whole day of the hours, and the day after the last. If there is
// no whole day, both are the day of toHour.
func (p parts) days() (from, to int64) {
	from, to = ceil(p.fromHour, 24), p.toHour/24
	if from >= to {
		return p.toHour / 24, p.toHour / 24
	}
	return from, to
}

// params returns the named parameters of the queries that count in a window.
func (w Window) params(horizon int64) map[string]any {
	p := w.parts(horizon)
	fromDay, toDay := p.days()
	return map[string]any{"since": w.Since, "until": w.Until, "from_hour": p.fromHour, "to_hour": p.toHour,
		"from_day": fromDay, "to_day": toDay, "head_to": p.headTo, "tail_from": p.tailFrom}
}

func ceil(n, unit int64) int64 { return (n + unit - 1) / unit }

// blindness is a period of which some facts are unknown.
type blindness struct {
	from, to int64 // microseconds
	reason   string
	noPuts   bool // the journal was read, but no PUT was understood
}

// noPass is the reason of a blind period after the last pass.
const noPass = "no pass since then"

// blind returns the periods in which a source was not read and that no later pass has
// read. They overlap w. If the last pass is stale, the time after it is one of them.
func blind(tx *store.Tx, w Window) (found []blindness, err error) {
	read, err := tx.ReadUntil()
	if err != nil {
		return nil, err
	}
	gaps, err := tx.Gaps(w.Since, w.Until)
	if err != nil {
		return nil, err
	}
	for _, g := range gaps {
		if g.RecoveredAt.Valid {
			continue
		}
		if g.To > max(read, w.Until) {
			// The gap was stored while the clock was ahead. Its end is not known, and
			// hosts would be unknown until the clock reaches it.
			g.To = g.From
		}
		found = append(found, blindness{g.From, g.To, g.Stream + " " + g.Reason, g.Reason == store.GapNotUnderstood})
	}
	if read < w.Until-Stale {
		found = append(found, blindness{from: max(read, w.Since), to: w.Until, reason: noPass})
	}
	return found, nil
}

// overlaps reports whether the blind period overlaps another. The other ends before to.
func (b blindness) overlaps(from, to int64) bool { return b.from < to && b.to >= from }

// putsUnknown reports whether PUTs were not understood in a part of a period, which ends
// before to.
func putsUnknown(blindIn []blindness, from, to int64) bool {
	return slices.ContainsFunc(blindIn, func(b blindness) bool { return b.noPuts && b.overlaps(from, to) })
}

// known returns a count. A count of 0 is unknown if facts were not counted.
func known(n int64, uncounted bool) value {
	if uncounted && n == 0 {
		return unknown{}
	}
	return n
}
