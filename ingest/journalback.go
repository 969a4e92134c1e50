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

// due adds stretches to the unread ones: each boot from a time on. It leaves out a boot
// that has an unread stretch starting no later.
func (r *journalFollower) due(since int64, boots ...string) {
	for _, boot := range boots {
		begun := func(s stretch) bool { return s.Boot == boot && s.Since <= since && s.Cursor == "" }
		if !slices.ContainsFunc(r.at.Again, begun) {
			r.at.Again = append(r.at.Again, stretch{Boot: boot, Since: since})
		}
	}
	if r.stretch != nil {
		r.stretch = &r.at.Again[0] // append may have moved it
	}
}

// dueHidden adds the stretch that a clock step may hide before the cursor. The pass
// that first meets an entry ahead of the clock reads a whole day before it. Later
// passes read only the time since the last pass.
func (r *journalFollower) dueHidden() {
	r.ahead = true
	if last := r.begin.Clock; last > 0 && last <= r.now {
		// A stretch of all boots already extends to the end of the journal.
		if !slices.ContainsFunc(r.at.Again, func(s stretch) bool { return s.Boot == "" }) {
			r.due(last-store.FutureTolerance, "")
		}
		return
	}
	r.due(min(r.now, cmp.Or(r.begin.Clock, r.now))-overlap, "")
}

// readStretches reads the unread stretches. The next pass continues a stretch that was
// cut short.
func (r *journalFollower) readStretches(ctx context.Context) error {
	if r.at.mode != modeFirst {
		r.at.mode, r.at.awaited, r.at.same = modeBack, "", 0
	}
	for len(r.at.Again) > 0 {
		r.stretch, r.reached = &r.at.Again[0], r.reached[:0]
		r.at.resume, r.at.resumed = nil, entryTime{}
		if begun := *r.stretch; begun.Cursor != "" {
			r.at.resume, r.stepNoted = &begun, true // an earlier pass recorded the clock step
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

// noteResumed records that the entry at which an earlier pass stopped in the stretch,
// or a later one, was met.
func (r *journalFollower) noteResumed(e *entry, v verdict) {
	switch {
	case r.at.resume == nil:
	case v != entryReached:
		r.at.resume = nil
	case sameEntry(e.cursor, []byte(r.at.resume.Cursor)):
		r.at.resume, r.at.resumed = nil, entryTime{e.at, e.monotonic, bytes.Clone(e.boot)}
	}
}

// noteReached records how far the stretch was read: up to the first of the entries that
// share the time of the last one.
func (r *journalFollower) noteReached(e *entry) {
	if !r.when.is(e) {
		r.reached, r.stretch.At, r.stretch.Monotonic = append(r.reached[:0], e.cursor...), e.at, e.monotonic
	}
}

// keepReached saves in the stretch how far it was read.
func (r *journalFollower) keepReached() {
	if r.stretch != nil && len(r.reached) > 0 {
		r.stretch.Cursor = string(r.reached)
	}
}

// noteLeft records the files that journalctl left out and that may hold unread entries.
func (r *journalFollower) noteLeft() {
	r.left = r.stderr.leftOut()
	since := r.readBefore() // earlier than Missed.Since if the clock went back
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

// readBefore returns the time up to which earlier passes read the journal, or 0 if none
// did. The clock limits it, because the position may be ahead of the clock.
func (r *journalFollower) readBefore() int64 {
	if r.begin.Cursor == "" || r.begin.First {
		return 0
	}
	return min(r.begin.At, r.now, cmp.Or(r.begin.Clock, r.now))
}

// newlyLeft reports whether journalctl left out a file that it read in the last pass.
func (r *journalFollower) newlyLeft() bool {
	for path := range r.at.Missed.files() {
		if _, known := r.begin.Missed.files()[path]; !known {
			return true
		}
	}
	return false
}

// cursorLeftOut reports whether the cursor's entry may be in a left-out file.
func (r *journalFollower) cursorLeftOut() bool {
	return r.newlyLeft() || len(r.at.Missed.files()) > 0 && r.at.Missed.Since >= r.readBefore()
}

// readMissed reads the files that journalctl left out earlier and can read now.
func (r *journalFollower) readMissed(ctx context.Context) error {
	if r.at.Missed == nil {
		return nil
	}
	if r.newlyLeft() { // a file that journald is creating is whole a moment later
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
	r.stepNoted = true // left-out files may hold entries of any time
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

// missedDue adds stretches for the files that journalctl leaves out no longer. It adds one
// for each boot, for the reason given at readAll.
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

// boots returns the boots of the journal.
func (r *journalFollower) boots(ctx context.Context) ([]string, error) {
	r.stderr = &journalctlStderr{}
	boots, err := listBoots(ctx, r.opts, r.stderr)
	r.noteLeft()
	return boots, err
}
