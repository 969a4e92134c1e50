package ingest

import "slices"

// mode is how the entries that journalctl prints relate to those read before.
type mode int

const (
	modeFirst  mode = iota // nothing was read before; a boot at a time
	modeFollow             // from the cursor's own entry on
	modeSeek               // from a time on, because journalctl refused the cursor
	modeBack               // a stretch that the position may be past
)

// position is where the reading of the journal is.
type position struct {
	journalCursor
	mode      mode
	monotonic int64     // of the entry at Cursor; 0 until this pass has read one
	awaited   string    // modeFollow: the cursor whose entry is still to come
	same      int       // modeFollow: entries with the cursor's time that were read, and are still to come
	resume    *stretch  // an earlier pass has read the stretch up to its Cursor; nil once that has come
	resumed   entryTime // the time of that entry
}

// verdict is what an entry is to a position, and why.
type verdict string

const (
	entryOwn        verdict = "the cursor's own entry"
	entryReached    verdict = "an earlier pass reached it in this stretch"
	entrySameTime   verdict = "it has the time of the cursor's entry, and as many were read"
	entryKnown      verdict = "its boot was read further than it"
	entryPerhaps    verdict = "its boot was read further, but it may have been missed"
	entryNew        verdict = "its boot was not read so far"
	entryNewOwnGone verdict = "its boot was not read so far, and the cursor's own entry does not come"
)

// isNew reports whether the position moves to the entry.
func (v verdict) isNew() bool { return v == entryNew || v == entryNewOwnGone }

// classify decides what an entry is to a position. An entry that was read comes
// again in three cases. journalctl begins before the cursor if two files of one
// boot number their entries independently. It prints an earlier boot after the
// cursor until that boot's clock has caught up. And a stretch may have been read.
func classify(p *position, e *entry) verdict {
	switch {
	case p.awaited != "" && sameEntry(e.cursor, []byte(p.awaited)):
		return entryOwn
	case p.wasReached(e):
		return entryReached
	case p.same > 0 && string(e.boot) == p.Boot && e.monotonic == p.monotonic:
		return entrySameTime
	}
	switch later := p.isLater(e); {
	case later && p.awaited != "":
		return entryNewOwnGone
	case later:
		return entryNew
	case p.mode == modeFollow:
		return entryKnown
	}
	return entryPerhaps
}

// isLater reports whether an entry is later than all that were read of its boot. In
// the boot of the position, entries with one time may be new, too.
func (p *position) isLater(e *entry) bool {
	last, known := p.Boots[string(e.boot)]
	switch {
	case !known || e.monotonic > last:
		return true
	case p.mode == modeBack || string(e.boot) != p.Boot:
		return false
	case p.mode == modeFirst:
		return e.monotonic == p.monotonic
	}
	return e.monotonic == last || p.mode == modeFollow && p.awaited == ""
}

// wasReached reports whether an earlier pass has reached an entry of the stretch.
// Without the entry at the stretch's cursor, only a boot's clock tells.
func (p *position) wasReached(e *entry) bool {
	if p.resume == nil {
		return p.resumed.is(e)
	}
	return p.resume.Boot == "" || e.monotonic <= p.resume.Monotonic
}

// bootsDue returns which of the journal's boots are to be read from their
// beginning: those that are not known, and those that were met while following.
// later reports whether others may have got entries: in a first reading, those
// that an earlier pass finished.
func (p position) bootsDue(boots []string) (due []string, later bool) {
	for _, boot := range boots {
		_, known := p.Boots[boot]
		begun := slices.ContainsFunc(p.Again, func(s stretch) bool { return s.Boot == boot && s.Since == 0 })
		switch {
		case begun:
		case !known || slices.Contains(p.Fresh, boot):
			due = append(due, boot)
		default:
			later = p.mode == modeFirst
		}
	}
	return due, later
}
