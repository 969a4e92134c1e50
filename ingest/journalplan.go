package ingest

import "slices"

// mode is the relation between the printed entries and those read earlier.
type mode int

const (
	modeFirst  mode = iota // nothing was read earlier; read one boot at a time
	modeFollow             // read from the cursor's own entry on
	modeSeek               // read from a time on, because journalctl refused the cursor
	modeBack               // read a stretch that the position may be past
)

// position is where the reader is in the journal.
type position struct {
	journalCursor
	mode      mode
	monotonic int64     // monotonic time of the entry at Cursor; 0 until this pass reads one
	awaited   string    // modeFollow: cursor whose own entry is still to come
	same      int       // modeFollow: known entries with the cursor's time that are still to come
	resume    *stretch  // the stretch that an earlier pass read up to its Cursor; nil once that entry was met
	resumed   entryTime // time of that entry
}

// verdict is the relation of an entry to a position, as classify sees it.
type verdict string

const (
	entryOwn        verdict = "the cursor's own entry"
	entryReached    verdict = "an earlier pass reached it in this stretch"
	entrySameTime   verdict = "it is one of those read with the cursor's time"
	entryKnown      verdict = "its boot was read past it"
	entryPerhaps    verdict = "its boot was read past it, but it may have been left out"
	entryNew        verdict = "its boot was not read up to it"
	entryNewOwnGone verdict = "its boot was not read up to it, and the cursor's own entry is gone"
)

// isNew reports whether the position moves to the entry.
func (v verdict) isNew() bool { return v == entryNew || v == entryNewOwnGone }

// classify compares an entry with a position. A known entry comes again in three cases.
// First, journalctl starts before the cursor if two files number the entries of one boot
// independently. Second, it prints an earlier boot after the cursor until the clock of
// that boot has caught up. Third, a stretch may have been read before.
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

// isLater reports whether an entry is later than all that were read of its boot. In the
// position's own boot, further entries with the same time may be new as well.
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

// wasReached reports whether an earlier pass reached an entry of the stretch. Without
// the entry at the stretch's cursor, only the boot's monotonic clock can tell.
func (p *position) wasReached(e *entry) bool {
	if p.resume == nil {
		return p.resumed.is(e)
	}
	return p.resume.Boot == "" || e.monotonic <= p.resume.Monotonic
}

// bootsDue returns the boots to read from their starts: unknown ones, and those first
// met while following. later reports whether other boots may have new entries. In a
// first reading, these are the boots that earlier passes finished.
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
