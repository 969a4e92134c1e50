package ingest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/cis490/fleet-health/store"
)

// due adds stretches to those that are to be read, each boot from a time on; not
// where one of them begins no later.
func (r *journalFollower) due(since int64, boots ...string) {
	for _, boot := range boots {
		begun := func(s stretch) bool { return s.Boot == boot && s.Since <= since && s.Cursor == "" }
		if !slices.ContainsFunc(r.at.Again, begun) {
			r.at.Again = append(r.at.Again, stretch{Boot: boot, Since: since})
		}
	}
	if r.stretch != nil {
		r.stretch = &r.at.Again[0] // it has moved
	}
}

// dueHidden makes the stretch due that the clock's going back may have hidden.
// A day before the entry that is ahead was read by the pass that met it first:
// from then on, only what was written since the last pass is looked at.
func (r *journalFollower) dueHidden() {
	r.ahead = true
	if last := r.begin.Clock; last > 0 && last <= r.now {
		// One of all boots goes on to the end of the journal.
		if !slices.ContainsFunc(r.at.Again, func(s stretch) bool { return s.Boot == "" }) {
			r.due(last-store.FutureTolerance, "")
		}
		return
	}
	r.due(min(r.now, cmp.Or(r.begin.Clock, r.now))-overlap, "")
}

// readStretches reads the stretches that are due. One that is cut short goes on
// in the next pass.
func (r *journalFollower) readStretches(ctx context.Context) error {
	if r.at.mode != modeFirst {
		r.at.mode, r.at.awaited, r.at.same = modeBack, "", 0
	}
	for len(r.at.Again) > 0 {
		r.stretch, r.reached = &r.at.Again[0], r.reached[:0]
		r.at.resume, r.at.resumed = nil, entryTime{}
		if begun := *r.stretch; begun.Cursor != "" {
			r.at.resume, r.stepNoted = &begun, true // an earlier pass has noted it
		}
		err := r.follow(ctx, r.stretch.seek()...)
		r.keepReached()
		r.stretch, r.at.resume, r.at.resumed = nil, nil, entryTime{}
		if err != nil || r.result.Capped {
			return err
		}
		r.at.Again = r.at.Again[1:]
	}
	return nil
}

// noteResumed notes that the entry has come up to which an earlier pass has read the
// stretch, or one after it.
func (r *journalFollower) noteResumed(e *entry, v verdict) {
	switch {
	case r.at.resume == nil:
	case v != entryReached:
		r.at.resume = nil
	case sameEntry(e.cursor, []byte(r.at.resume.Cursor)):
		r.at.resume, r.at.resumed = nil, entryTime{e.at, e.monotonic, bytes.Clone(e.boot)}
	}
}

// noteReached notes how far the stretch was read: up to the first entry with the time
// of the last one.
func (r *journalFollower) noteReached(e *entry) {
	if !r.when.is(e) {
		r.reached, r.stretch.At, r.stretch.Monotonic = append(r.reached[:0], e.cursor...), e.at, e.monotonic
	}
}

// keepReached stores in the stretch how far it was read.
func (r *journalFollower) keepReached() {
	if r.stretch != nil && len(r.reached) > 0 {
		r.stretch.Cursor = string(r.reached)
	}
}

// noteLeft remembers the files that journalctl leaves out and that may hold what
// was not read before.
func (r *journalFollower) noteLeft() {
	r.left = r.stderr.leftOut()
	since := r.readBefore() // earlier than that of what is missed, if the clock has gone back
	if r.at.Missed != nil {
		since = min(since, r.at.Missed.Since)
	}
	for path, reason := range r.left {
		if !mayHoldUnread(path, since) || r.opts.Directory == "" && isOtherUsers(path) {
			continue
		}
		if r.at.Missed == nil {
			r.at.Missed = &missed{Files: map[string]string{}}
		}
		m := r.at.Missed
		m.Since, m.Files[path] = since, reason
		if reason == damaged {
			if m.Damaged == nil {
				m.Damaged = map[string]string{}
			}
			m.Damaged[path] = fingerprint(path)
		}
	}
}

// readBefore is up to when the journal had been read when the pass began, 0 for
// not at all. The position may be ahead of the clock.
func (r *journalFollower) readBefore() int64 {
	if r.begin.Cursor == "" || r.begin.First {
		return 0
	}
	return min(r.begin.At, r.now, cmp.Or(r.begin.Clock, r.now))
}

// newlyLeft reports whether a file is left out that was not in the pass before.
func (r *journalFollower) newlyLeft() bool {
	for path := range r.at.Missed.files() {
		if _, known := r.begin.Missed.files()[path]; !known {
			return true
		}
	}
	return false
}

// cursorLeftOut reports whether the cursor's entry may be in a file that is left out.
func (r *journalFollower) cursorLeftOut() bool {
	return r.newlyLeft() || len(r.at.Missed.files()) > 0 && r.at.Missed.Since >= r.readBefore()
}

// readMissed reads what journalctl has left out, now or in an earlier pass, as
// soon as it can be read.
func (r *journalFollower) readMissed(ctx context.Context) error {
	if r.at.Missed == nil {
		return nil
	}
	if r.newlyLeft() { // one that is just being made is whole a moment later
		r.stderr = &journalctlStderr{}
		none := func(out io.Reader) error { _, err := io.Copy(io.Discard, out); return err }
		if err := runJournalctl(ctx, r.opts, append(entryArgs(r.opts), "--lines=0"), r.stderr, none); err != nil {
			return err
		}
		r.noteLeft()
	}
	if err := r.missedDue(ctx); err != nil || r.result.Capped {
		return err
	}
	r.stepNoted = true // what was left out may be of any time
	if err := r.readStretches(ctx); err != nil || r.result.Capped {
		return err
	}
	if m := r.at.Missed; len(m.Files) == 0 {
		if m.Lost != nil {
			r.gap(*m.Lost)
		}
		r.at.Missed = nil
	}
	return nil
}

// missedDue makes due what the files may hold that are left out no longer. The
// boots are read one by one, as in readAll.
func (r *journalFollower) missedDue(ctx context.Context) error {
	m := r.at.Missed
	back := m.back(r.left)
	if len(back) == 0 {
		return nil
	}
	boots, err := r.boots(ctx)
	if err != nil {
		return err
	}
	r.due(max(m.Since-overlap, 0), boots...)
	for _, path := range back {
		delete(m.Files, path)
		delete(m.Damaged, path)
		if _, err := os.Stat(path); path != "" && errors.Is(err, fs.ErrNotExist) {
			r.gap(store.Gap{Reason: store.GapVacuumed, From: min(cmp.Or(m.Since, r.now), r.now), To: r.now,
				Detail: fmt.Sprintf("%q was deleted before journalctl could read it", path)})
		}
	}
	return nil
}

// boots lists the boots of the journal.
func (r *journalFollower) boots(ctx context.Context) ([]string, error) {
	r.stderr = &journalctlStderr{}
	boots, err := listBoots(ctx, r.opts, r.stderr)
	r.noteLeft()
	return boots, err
}
