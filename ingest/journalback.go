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

// A stretch is a part of the journal that is read although the position may be
// past it: one boot or all boots, from a time on.
type stretch struct {
	Boot      string `json:"boot,omitempty"`      // "" is all boots
	Since     int64  `json:"since,omitempty"`     // microseconds; 0 is from the beginning
	Cursor    string `json:"cursor,omitempty"`    // __CURSOR of the first entry that has the time of the last one read; "" if none was read
	At        int64  `json:"at,omitempty"`        // that time, in microseconds
	Monotonic int64  `json:"monotonic,omitempty"` // and by its boot's clock
}

// seek asks journalctl for what is unread of a stretch.
func (s stretch) seek() (args []string) {
	if s.Boot != "" {
		args = append(args, "_BOOT_ID="+s.Boot)
	}
	switch {
	case s.Cursor != "":
		args = append(args, "--cursor="+s.Cursor)
	case s.Since != 0:
		args = append(args, since(s.Since))
	}
	return args
}

// due adds a stretch to those that are to be read, unless one of them begins no later.
func (r *journalFollower) due(boot string, since int64) {
	for _, s := range r.at.Again {
		if s.Boot == boot && s.Since <= since && s.Cursor == "" {
			return
		}
	}
	r.at.Again = append(r.at.Again, stretch{Boot: boot, Since: since})
	if r.stretch != nil {
		r.stretch = &r.at.Again[0] // it has moved
	}
}

// lookBehind makes the stretch due that the clock's going back may have hidden.
// A day before the entry that is ahead was read by the pass that met it first:
// from then on, only what was written since the last pass is looked at.
func (r *journalFollower) lookBehind() {
	r.ahead = true
	if last := r.begin.Clock; last > 0 && last <= r.now {
		for _, s := range r.at.Again {
			if s.Boot == "" {
				return // it goes on to the end of the journal
			}
		}
		r.due("", last-store.FutureTolerance)
		return
	}
	r.due("", min(r.now, cmp.Or(r.begin.Clock, r.now))-overlap)
}

// readStretches reads the stretches that are due. One that is cut short goes on
// in the next pass.
func (r *journalFollower) readStretches(ctx context.Context) error {
	for len(r.at.Again) > 0 {
		r.stretch, r.reached, r.resumed = &r.at.Again[0], r.reached[:0], instant{}
		r.resuming = r.stretch.Cursor != ""
		r.stepped = r.stepped || r.resuming // an earlier pass has noted it
		err := r.follow(ctx, r.stretch.seek()...)
		r.keepPlace()
		r.stretch = nil
		if err != nil || r.result.Capped {
			return err
		}
		r.at.Again = r.at.Again[1:]
	}
	return nil
}

// keepPlace stores in the stretch how far it was read.
func (r *journalFollower) keepPlace() {
	if r.stretch != nil && len(r.reached) > 0 {
		r.stretch.Cursor = string(r.reached)
	}
}

// wasReached reports whether an earlier pass has read an entry of the stretch.
// journalctl may begin before the cursor, as advance says, and the cursor is that
// of the first entry of several that have one time.
func (r *journalFollower) wasReached(e *entry) bool {
	switch {
	case !r.resuming:
		return r.resumed.is(e)
	case bytes.Equal(anywhere(e.cursor), anywhere([]byte(r.stretch.Cursor))):
		r.resuming, r.resumed = false, instant{e.at, e.monotonic, bytes.Clone(e.boot)}
	case r.stretch.Boot != "" && e.monotonic > r.stretch.Monotonic:
		r.resuming = false // the cursor's entry was deleted
		return false
	}
	return true
}

// noteLeft remembers the files that journalctl leaves out and that may hold what
// was not read before.
func (r *journalFollower) noteLeft() {
	r.left = r.says.leftOut()
	since := r.readBefore() // earlier than that of what is missed, if the clock has gone back
	if r.at.Missed != nil {
		since = min(since, r.at.Missed.Since)
	}
	for path, reason := range r.left {
		if !mayHoldUnread(path, since) || r.opts.Directory == "" && isOthers(path) {
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
			m.Damaged[path] = markOf(path)
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
		r.says = &journalctlSays{}
		none := func(out io.Reader) error { _, err := io.Copy(io.Discard, out); return err }
		if err := runJournalctl(ctx, r.opts, append(entryArgs(r.opts), "--lines=0"), r.says, none); err != nil {
			return err
		}
		r.noteLeft()
	}
	if err := r.missedDue(ctx); err != nil || r.result.Capped {
		return err
	}
	r.stepped = true // what was left out may be of any time
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

// missedDue takes the files that are left out no longer from those that are
// missed, and makes due what they may hold. The boots are read one by one, as in
// readAll.
func (r *journalFollower) missedDue(ctx context.Context) error {
	m := r.at.Missed
	var back []string
	for path := range m.Files {
		_, still := r.left[path]
		mark, spot := m.Damaged[path]
		if !still && !(spot && mark == markOf(path)) {
			back = append(back, path)
		}
	}
	if len(back) == 0 {
		return nil
	}
	boots, err := r.boots(ctx)
	if err != nil {
		return err
	}
	for _, boot := range boots {
		r.due(boot, max(m.Since-overlap, 0))
	}
	slices.Sort(back)
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
	r.says = &journalctlSays{}
	boots, err := listBoots(ctx, r.opts, r.says)
	r.noteLeft()
	return boots, err
}

// readTo is up to which time the journal was read in a pass that has left some of
// it to the next.
func (r *journalFollower) readTo() int64 {
	to := min(r.at.At, r.now)
	for _, s := range r.at.Again {
		to = min(to, max(s.Since, s.At))
	}
	return max(to, 1)
}
