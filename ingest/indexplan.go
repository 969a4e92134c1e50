package ingest

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/cis490/fleet-health/store"
)

// indexFacts are the facts that planIndex decides on. Times are in microseconds.
type indexFacts struct {
	cursor  indexCursor // the stored cursor
	stored  bool        // there is a stored cursor
	newest  int64       // time of the newest stored ship; 0 if there is none
	now     int64
	rebuild bool // without a cursor, read the rotated files, too

	current sibling // the index
	holds   bool    // the index contains the bytes read before the cursor
	beside  []sibling
	own     int // index in beside of the file that was read; -1 if it is not there
}

// indexAction is how a step reads a file.
type indexAction string

const (
	readIndex indexAction = "read the index"
	readOlder indexAction = "read a rotated file"
	readCopy  indexAction = "read a copy of an index that was empty"
)

// indexStep reads a file from a cursor to its end.
type indexStep struct {
	do   indexAction
	path string
	from fileCursor
}

// indexReason is the reason for a plan.
type indexReason string

const (
	neverRead indexReason = "nothing was read before"
	isRebuild indexReason = "a rebuild reads all rotated files"
	goesOn    indexReason = "the index goes on"
	wasEmpty  indexReason = "the index was empty, so any new file may be a copy of it"
	isAnother indexReason = "the index is not the file that was read, or has changed"
)

// indexPlan is a list of files to read, in order.
type indexPlan struct {
	reason indexReason
	steps  []indexStep
	gap    *store.Gap // lines that may be missing; nil if there are none
	since  int64      // start of the gap if an older file cannot be read
	unread int64      // earliest modification time of unread rotated files
}

// planIndex decides how a pass reads the index and the files beside it.
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

// stepsOf returns steps that read files from their starts.
func stepsOf(do indexAction, files []sibling) (steps []indexStep) {
	for _, one := range files {
		steps = append(steps, indexStep{do: do, path: one.path})
	}
	return steps
}

// goesOn reports whether the index is the file that was read. Every file contains the
// zero bytes read of an empty one, so only the identity recognizes that.
func (f indexFacts) goesOn() bool {
	return f.stored && f.holds && (f.cursor.Offset > 0 || f.cursor.identity == f.current.identity)
}

// older returns all rotated files, oldest first.
func (f indexFacts) older() (files []sibling) {
	for _, one := range f.beside {
		if one.rotated {
			files = append(files, one)
		}
	}
	return files
}

// clockWentBack reports whether the clock went back since the last pass. Then
// modification times do not order files.
func (f indexFacts) clockWentBack() bool { return f.current.modTime < f.cursor.ModTime }

// copies returns the possible copies of an index that was empty when it was read.
func (f indexFacts) copies() []sibling {
	return slices.DeleteFunc(f.older(), func(one sibling) bool {
		return f.cursor.knows(one) || !f.clockWentBack() && one.modTime <= f.cursor.ModTime
	})
}

// later returns the rotated files, except the one that was read, that may have been
// written since the last pass, oldest first.
func (f indexFacts) later() []sibling {
	read := f.cursor.identity
	return slices.DeleteFunc(f.older(), func(one sibling) bool {
		switch {
		case f.own >= 0 && one.path == f.beside[f.own].path, f.cursor.knows(one):
			return true
		case one.identity == read, f.clockWentBack():
			return false
		case f.current.identity != read && one.Born > f.cursor.Born && !one.compressed:
			return false // created since the last pass, whatever the clock said then
		}
		return one.modTime < f.cursor.ModTime
	})
}

// missing returns the gap left by an index that changed. It returns nil if the file
// that was read can be read to its end.
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
		// An empty index may have become any of the new compressed files, and all of
		// them are read.
		return nil
	default:
		g.Reason = store.GapRotated
		g.Detail = fmt.Sprintf("another index is in place, and the one read up to byte %d was not found beside it", read.Offset)
	}
	if f.own >= 0 {
		g.Detail += "; a copy of it was found and read to its end"
	} else {
		g.Detail += "; lines written after that byte may be missing"
	}
	return g
}

// changed returns the file that was read if its content changed. It returns nil
// otherwise.
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

// lateReason is the reason for reading a rotated file again, or for not doing so.
type lateReason string

const (
	lateUnchanged lateReason = "it has not grown since"
	lateGrown     lateReason = "its writer may have added lines"
	lateCopied    lateReason = "it is gone, but a copy or a compressed file holds it"
	lateGone      lateReason = "it is gone"
)

// planLate decides whether to read again one of the rotated files in a cursor. A writer
// appends to its open file until it opens the new index. elsewhere is the path of
// another file with the same content, or "". path is "" if there is nothing to read.
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
