package ingest

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/cis490/fleet-health/store"
)

// journalFollower reads the journal on from a cursor.
type journalFollower struct {
	*entryReader
	opts      JournalOptions
	begin     journalCursor // where the pass began
	at        position      // where it is
	met       int           // entries that journalctl has printed
	cost      int           // entries that count towards MaxEntries
	latest    int64         // modeFirst: time of the latest entry
	ahead     bool          // an entry is from the future: the clock may have gone back
	stepNoted bool          // the gap of the clock's going back is noted, or none is due
	vacuumed  *store.Gap    // to note, unless the cursor's entry may be in a file that was left out

	stretch *stretch // being read; nil for what comes after the cursor
	reached []byte   // cursor of the first entry with the time of the last one read of it

	stderr *journalctlStderr // what journalctl says at the moment
	left   map[string]string // the files that it has left out the last time
}

// follow reads entries from a starting point to the end of the journal. journalctl
// ends within a damaged entry. If it does so again when it begins there, reading
// goes on after the entry.
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

// inStretch adds to a seek the boot of the stretch that is being read.
func (r *journalFollower) inStretch(seek string) []string {
	if r.stretch != nil && r.stretch.Boot != "" {
		return []string{seek, "_BOOT_ID=" + r.stretch.Boot}
	}
	return []string{seek}
}

// errElsewhere: journalctl did not begin with the entry that was asked for.
var errElsewhere = errors.New("journalctl began with another entry")

// followFrom reads entries from a starting point until journalctl ends. It returns
// the entry within which that was, nil for none. If first is not nil, journalctl
// has to begin with it.
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

// settle notes what journalctl has said so far, and what that means for the
// cursor's entry.
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

// takeEntry reads an entry. Of a damaged one, only the cursor and the times are known.
// It returns false for an entry beyond MaxEntries.
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
	default: // the store knows the facts of an entry that was read
		r.add(e)
	}
	r.advance(e, v)
	return true
}

// passOver notes that an entry is damaged. A hundred of them end the pass, because
// each takes two more runs of journalctl.
func (r *journalFollower) passOver(e *entry) {
	r.count(e)
	r.seen++
	r.last = e.at
	r.cost += r.opts.MaxEntries / 100
	r.gap(store.Gap{Reason: store.GapDamaged, From: e.at, To: e.at + 1, Detail: "the journal holds a damaged entry, which journalctl cannot print"})
}

// advance moves the position to an entry that is new, and notes if the clock has
// gone back.
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

// isOn reports whether the pass goes on from the cursor's own entry.
func (r *journalFollower) isOn() bool { return r.at.mode == modeFollow || r.at.mode == modeBack }

// know notes how far an entry's boot was read.
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
