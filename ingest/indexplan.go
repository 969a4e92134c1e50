package ingest

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/cis490/fleet-health/store"
)

// indexFacts are what the plan of a pass over the index depends on. Times are
// microseconds.
type indexFacts struct {
	cursor  indexCursor // where the last pass stopped
	stored  bool        // there is such a cursor
	newest  int64       // time of the newest ship that is stored, 0 for none
	now     int64
	rebuild bool // without a cursor, read the files that were rotated away, too

	current sibling // the index
	holds   bool    // it holds what was read before the cursor
	beside  []sibling
	own     int // which of beside is the file that was read, -1 for none
}

// indexAction is what is done with a file.
type indexAction string

const (
	readIndex indexAction = "read the index"
	readOlder indexAction = "read a file that was rotated away"
	readCopy  indexAction = "read a copy of an index that was empty"
)

// indexStep reads a file from a cursor on to its end.
type indexStep struct {
	do   indexAction
	path string
	from fileCursor
}

// indexReason is why a pass reads what it reads.
type indexReason string

const (
	neverRead indexReason = "nothing was read before"
	isRebuild indexReason = "a rebuild reads all that was rotated away"
	goesOn    indexReason = "the index goes on"
	wasEmpty  indexReason = "the index was empty, and nothing tells a copy of it from another file"
	isAnother indexReason = "the index is not the file that was read, or has changed"
)

// indexPlan is what a pass reads, in this order, and why.
type indexPlan struct {
	reason indexReason
	steps  []indexStep
	gap    *store.Gap // what may be missing, nil if nothing is
	since  int64      // time from which on lines of an older file that cannot be read are missing
	unread int64      // time from which on the files that follow an older one were written
}

// planIndex decides what a pass reads of the index and the files beside it.
func planIndex(f indexFacts) indexPlan {
	current := indexStep{do: readIndex, path: f.current.path}
	p := indexPlan{since: min(cmp.Or(f.newest, f.cursor.ModTime, f.now), f.now), unread: math.MaxInt64}
	switch {
	case f.goesOn():
		p.reason = goesOn
		if f.cursor.Offset == 0 {
			p.reason, p.since = wasEmpty, f.cursor.ModTime
			p.steps = stepsOf(readCopy, f.copies())
		}
		current.from = f.cursor.fileCursor
	case f.stored:
		p.reason, p.unread = isAnother, f.cursor.ModTime
		if f.own >= 0 {
			p.steps = []indexStep{{readOlder, f.beside[f.own].path, f.cursor.fileCursor}}
		}
		p.steps = append(p.steps, stepsOf(readOlder, f.later())...)
		p.gap = f.missing(p.since)
	case f.rebuild:
		p.reason = isRebuild
		p.steps = stepsOf(readOlder, f.older())
	default:
		p.reason = neverRead
	}
	p.steps = append(p.steps, current)
	return p
}

// stepsOf reads files from their beginnings.
func stepsOf(do indexAction, files []sibling) (steps []indexStep) {
	for _, one := range files {
		steps = append(steps, indexStep{do: do, path: one.path})
	}
	return steps
}

// goesOn reports whether the index is the file that was read. Any file holds
// nothing: of an empty one, only the identity tells.
func (f indexFacts) goesOn() bool {
	return f.stored && f.holds && (f.cursor.Offset > 0 || f.cursor.identity == f.current.identity)
}

// older returns all files that were rotated away, oldest first.
func (f indexFacts) older() (files []sibling) {
	for _, one := range f.beside {
		if one.rotated {
			files = append(files, one)
		}
	}
	return files
}

// clockWentBack reports whether the times of files tell nothing.
func (f indexFacts) clockWentBack() bool { return f.current.modTime < f.cursor.ModTime }

// copies returns the files that may be copies of an index that was empty when it
// was read.
func (f indexFacts) copies() []sibling {
	return slices.DeleteFunc(f.older(), func(one sibling) bool {
		return f.cursor.knows(one) || !f.clockWentBack() && one.modTime <= f.cursor.ModTime
	})
}

// later returns the files, but for the one that was read, that may have been
// written since, oldest first.
func (f indexFacts) later() []sibling {
	read := f.cursor.identity
	return slices.DeleteFunc(f.older(), func(one sibling) bool {
		switch {
		case f.own >= 0 && one.path == f.beside[f.own].path, f.cursor.knows(one):
			return true
		case one.identity == read, f.clockWentBack():
			return false
		case f.current.identity != read && one.Born > f.cursor.Born && !one.compressed:
			return false // it was made since, whatever the clock said by then
		}
		return one.modTime < f.cursor.ModTime
	})
}

// missing returns the gap of an index that is not the one that was read; nil if that
// one was found and can be read to its end.
func (f indexFacts) missing(since int64) *store.Gap {
	g := &store.Gap{From: since, To: f.now}
	read := f.cursor.fileCursor
	switch changed := f.changed(); {
	case changed != nil && changed.size < read.Offset:
		g.Reason = store.GapTruncated
		g.Detail = fmt.Sprintf("the index was cut from at least %d bytes to %d", read.Offset, changed.size)
	case changed != nil:
		g.Reason = store.GapRewritten
		g.Detail = fmt.Sprintf("the index holds other bytes than those read before byte %d", read.Offset)
	case f.own >= 0 || read.Offset == 0 && slices.ContainsFunc(f.later(), func(one sibling) bool { return one.compressed }):
		// Nothing tells which compressed file an empty index has become, but all new
		// ones are read.
		return nil
	default:
		g.Reason = store.GapRotated
		g.Detail = fmt.Sprintf("another index is in cursor, and the one read up to byte %d was not found beside it", read.Offset)
	}
	if f.own >= 0 {
		g.Detail += "; a copy of it was found and read to its end"
	} else {
		g.Detail += "; lines written after that byte may be missing"
	}
	return g
}

// changed returns the file that was read, if it holds other bytes now; otherwise nil.
func (f indexFacts) changed() *sibling {
	if f.cursor.identity == f.current.identity {
		return &f.current
	}
	i := slices.IndexFunc(f.beside, func(one sibling) bool { return one.identity == f.cursor.identity })
	if i < 0 || i == f.own {
		return nil
	}
	return &f.beside[i]
}

// lateReason is what is done with a file that was read to its end and rotated away.
type lateReason string

const (
	lateUnchanged lateReason = "it has not grown since"
	lateGrown     lateReason = "its writer may have added lines"
	lateCopied    lateReason = "it is gone, but a copy or a compressed file holds it"
	lateGone      lateReason = "it is gone"
)

// planLate decides about one of the files that the cursor remembers. A writer goes on
// writing to a file until it opens the index anew. elsewhere is the path of another
// file that holds what was read of it, "" for none.
func planLate(p indexCursor, c fileCursor, beside []sibling, elsewhere string) (path string, reason lateReason) {
	i := slices.IndexFunc(beside, func(one sibling) bool { return one.identity == c.identity })
	switch {
	case i >= 0 && p.knows(beside[i]):
		return "", lateUnchanged
	case i >= 0:
		return beside[i].path, lateGrown
	case elsewhere != "":
		return elsewhere, lateCopied
	}
	return "", lateGone
}
