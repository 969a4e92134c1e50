package report

import (
	"slices"

	"github.com/cis490/fleet-health/store"
)

// Window is the time that a report looks at: after Since, up to and with Until,
// in microseconds.
type Window struct{ Since, Until int64 }

// Stale is how long after the last pass, in microseconds, what it found is not
// news any more: two of the timer's five-minute passes have been missed.
const Stale = 15 * store.Minute

// shortest is the window, in microseconds, that is answered from raw rows alone.
const shortest = 3 * store.Hour

// parts are what a window consists of: whole hours, which the rollups answer,
// and what is left at either end, which the raw rows do.
type parts struct {
	fromHour, toHour int64 // hours since 1970; toHour is the first that does not count
	headTo           int64 // raw rows after Since, up to and with this one; microseconds
	tailFrom         int64 // raw rows from here up to Until; microseconds
}

// Counted is what a window counts: raw rows before kept, in microseconds, are not
// there any more, and a part of an hour before it counts as the whole.
func (w Window) Counted(kept int64) Window {
	if w.Since+1 < kept {
		w.Since = (w.Since+1)/store.Hour*store.Hour - 1
	}
	if w.Until < kept {
		w.Until = ceil(w.Until, store.Hour)*store.Hour - 1
	}
	return w
}

// parts cuts a window.
func (w Window) parts(kept int64) parts {
	if w.Until-w.Since < shortest && w.Since+1 >= kept {
		hour := w.Since / store.Hour
		return parts{hour, hour, w.Until, w.Until + 1}
	}
	w = w.Counted(kept)
	p := parts{fromHour: ceil(w.Since+1, store.Hour), toHour: (w.Until + 1) / store.Hour}
	p.headTo, p.tailFrom = p.fromHour*store.Hour-1, p.toHour*store.Hour
	return p
}

// days returns the whole days of the hours: from the first up to, but not with, the
// second. Both are toHour's if there is none.
func (p parts) days() (from, to int64) {
	from, to = ceil(p.fromHour, 24), p.toHour/24
	if from >= to {
		return p.toHour / 24, p.toHour / 24
	}
	return from, to
}

// params are the named parameters of the queries that count in a window.
func (w Window) params(kept int64) map[string]any {
	p := w.parts(kept)
	fromDay, toDay := p.days()
	return map[string]any{"since": w.Since, "until": w.Until, "from_hour": p.fromHour, "to_hour": p.toHour,
		"from_day": fromDay, "to_day": toDay, "head_to": p.headTo, "tail_from": p.tailFrom}
}

func ceil(n, unit int64) int64 { return (n + unit - 1) / unit }

// blindness is a window that nothing, or not all, is known of.
type blindness struct {
	from, to int64 // microseconds
	why      string
	noPuts   bool // the journal was read, but no PUT was understood
}

// blind returns the windows that overlap w in which a source was blind and has
// not been read since, and the time after the last pass.
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
			// The clock was ahead, which has said until when. Nobody knows, but would be
			// unknown until it is that late.
			g.To = g.From
		}
		found = append(found, blindness{g.From, g.To, g.Stream + " " + g.Reason, g.Reason == store.GapNotUnderstood})
	}
	if read < w.Until-Stale {
		found = append(found, blindness{from: max(read, w.Since), to: w.Until, why: "no pass since then"})
	}
	return found, nil
}

// overlaps tells whether a stretch of time, to excluded, has a part of the blind window.
func (b blindness) overlaps(from, to int64) bool { return b.from < to && b.to >= from }

// putsUnknown reports whether there is a part of a stretch of time, to excluded, in
// which no PUT was understood.
func putsUnknown(blindIn []blindness, from, to int64) bool {
	return slices.ContainsFunc(blindIn, func(b blindness) bool { return b.noPuts && b.overlaps(from, to) })
}

// known is a count, unknown if it is none and could not have been counted.
func known(n int64, uncounted bool) value {
	if uncounted && n == 0 {
		return unknown{}
	}
	return n
}
