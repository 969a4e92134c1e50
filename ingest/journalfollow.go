package ingest

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/cis490/fleet-health/store"
)

// journalFollower reads the journal from a cursor on.
type journalFollower struct {
	*entryReader
	opts      JournalOptions
	begin     journalCursor // the cursor at the start of the pass
	at        position      // the current position
	met       int           // entries that journalctl printed
	cost      int           // entries that count towards MaxEntries
	latest    int64         // modeFirst: time of the latest entry
	ahead     bool          // an entry is ahead of the clock, which may have gone back
	stepNoted bool          // the gap of a clock step is recorded, or none is due
	vacuumed  *store.Gap    // gap to record unless the cursor's entry may be in a left-out file

	stretch *stretch // the stretch being read; nil while reading after the cursor
	reached []byte   // cursor of the first entry with the time of the last one read in the stretch

	stderr *journalctlStderr // messages of the current journalctl
	left   map[string]string // files that the last journalctl left out, with reasons
}

// follow reads entries from a starting point to the end of the journal. journalctl
// exits within a damaged entry. If it does so again when started at that entry, follow
// continues after the entry.
func (r *journalFollower) follow(ctx context.Context, seek ...string) error {
	clear(r.twins)
	r.when = entryTime{}
	cut, err := r.followFrom(ctx, nil, seek...)
	for cut != nil && ctx.Err() == nil {
		at := string(cut.cursor)
		again, errAgain := r.followFrom(ctx, cut, r.inStretch("--cursor="+at)...)
		switch {
		case errors.Is(errAgain, errElsewhere):
			return err
		case again == nil || !sameEntry(again.cursor, cut.cursor):
			cut, err = again, errAgain
		case !r.takeEntry(cut, true):
			r.result.Capped = true
			return nil
		default:
			cut, err = r.followFrom(ctx, nil, r.inStretch("--after-cursor="+at)...)
		}
	}
	return err
}

// inStretch adds the boot of the current stretch to a seek argument.
func (r *journalFollower) inStretch(seek string) []string {
	if r.stretch != nil && r.stretch.Boot != "" {
		return []string{seek, "_BOOT_ID=" + r.stretch.Boot}
	}
	return []string{seek}
}

// errElsewhere means that journalctl did not start with the requested entry.
var errElsewhere = errors.New("journalctl began with another entry")

// followFrom reads entries from a starting point until journalctl exits. It returns the
// entry within which journalctl exited, or nil. If first is not nil, journalctl must
// start with that entry.
func (r *journalFollower) followFrom(ctx context.Context, first *entry, seek ...string) (cut *entry, err error) {
	r.stderr = &journalctlStderr{}
	err = runJournalctl(ctx, r.opts, append(entryArgs(r.opts), seek...), r.stderr, func(out io.Reader) error {
		stream := newExportReader(out, 0)
		for {
			e, err := stream.next()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if errors.Is(err, io.ErrUnexpectedEOF) {
				e = stream.unfinished()
				cut = e
			}
			if first != nil && (e == nil || !sameEntry(e.cursor, first.cursor)) {
				return errElsewhere
			}
			if first = nil; err != nil {
				return err
			}
			if !r.takeEntry(e, false) {
				r.result.Capped = true
				return nil
			}
			if r.full() {
				r.settle()
				if err := r.save(ctx, r.cursorState(), false); err != nil {
					return err
				}
				r.opts.Progress.tell(r.result.Read, 0, 0)
			}
		}
	})
	r.settle()
	if !errors.Is(err, errMidEntry) {
		cut = nil
	}
	return cut, err
}

// settle records the files that journalctl left out so far. Then it decides whether a
// missing cursor's entry was vacuumed.
func (r *journalFollower) settle() {
	r.noteLeft()
	switch m := r.at.Missed; {
	case r.vacuumed == nil:
	case !r.cursorLeftOut():
		r.gap(*r.vacuumed)
	case m.Lost == nil:
		m.Lost, m.Cursor = r.vacuumed, r.begin.Cursor
	}
	r.vacuumed = nil
}

// takeEntry handles an entry. Only the cursor and the times of a damaged entry are
// known. It returns false for an entry beyond MaxEntries.
func (r *journalFollower) takeEntry(e *entry, damaged bool) bool {
	r.met++
	if m := r.at.Missed; m != nil && m.Lost != nil && sameEntry(e.cursor, []byte(m.Cursor)) {
		m.Lost = nil
	}
	v := classify(&r.at, e)
	r.noteResumed(e, v)
	switch {
	case v == entryOwn:
		r.at.awaited, r.at.same, r.at.monotonic, r.last = "", max(r.begin.Same, 1)-1, e.monotonic, e.at
		r.count(e)
		r.know(e)
		return true
	case v == entryReached:
	case r.cost >= r.opts.MaxEntries:
		return false
	case r.stretch != nil:
		r.cost++
		r.noteReached(e)
	case v.isNew():
		r.cost++
	}
	switch {
	case damaged:
		r.passOver(e)
	case v == entryKnown:
		r.count(e)
		r.last = e.at
	default: // the store knows the rows of an entry read earlier
		r.add(e)
	}
	r.advance(e, v)
	return true
}

// passOver records a damaged entry. Each one needs two more runs of journalctl, so its
// cost ends the pass after a hundred of them.
func (r *journalFollower) passOver(e *entry) {
	r.count(e)
	r.seen++
	r.last = e.at
	r.cost += r.opts.MaxEntries / 100
	r.gap(store.Gap{Reason: store.GapDamaged, From: e.at, To: e.at + 1, Detail: "the journal holds a damaged entry, which journalctl cannot print"})
}

// advance moves the position to a new entry, and records a clock step back.
func (r *journalFollower) advance(e *entry, v verdict) {
	if v == entrySameTime {
		r.at.same--
		return
	}
	if !r.ahead && r.at.mode != modeFirst && e.at > r.now+store.FutureTolerance {
		r.dueHidden()
	}
	if !r.stepNoted && r.isOn() && e.at < r.begin.At-store.Minute && (v.isNew() || slices.Contains(r.at.Fresh, string(e.boot))) {
		r.stepNoted = true
		r.gap(store.Gap{Reason: store.GapClockStep, From: e.at, To: min(r.begin.At, r.now),
			Detail: "the journal's clock went back; what it says of this time may be of either turn"})
	}
	if !v.isNew() {
		return
	}
	if v == entryNewOwnGone {
		r.at.awaited = ""
		r.vacuumed = &store.Gap{Reason: store.GapVacuumed, From: min(r.begin.At, r.now), To: min(max(r.begin.At, e.at), r.now),
			Detail: "the journal does not hold the cursor's entry any more; entries after it may have been deleted"}
	}
	r.result.Read++
	r.know(e)
	if r.at.mode == modeFirst && string(e.boot) != r.at.Boot && e.at < r.latest {
		return
	}
	r.latest = max(r.latest, e.at)
	if r.at.Same++; string(e.boot) != r.at.Boot || e.monotonic != r.at.monotonic {
		r.at.Cursor, r.at.Same, r.at.same, r.at.monotonic = string(e.cursor), 1, 0, e.monotonic
	}
	r.at.At, r.at.Boot = e.at, string(e.boot)
}

// isOn reports whether the pass continues from the cursor's own entry.
func (r *journalFollower) isOn() bool { return r.at.mode == modeFollow || r.at.mode == modeBack }

// know records how far the boot of an entry was read.
func (r *journalFollower) know(e *entry) {
	last, known := r.at.Boots[string(e.boot)]
	if r.at.Boots == nil {
		r.at.Boots = map[string]int64{}
	}
	if !known && r.isOn() {
		r.at.Fresh = append(r.at.Fresh, string(e.boot))
	}
	r.at.Boots[string(e.boot)] = max(last, e.monotonic)
}
