package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/cis490/fleet-health/store"
)

// ErrUnread: a source could not be read, or not to its end. What had been read
// until then is stored, and the cursor is behind it.
var ErrUnread = errors.New("source not read")

// Progress is told how far a source has been read, after each batch: lines or
// entries, and bytes of how many; total is 0 if that is not known.
type Progress func(lines int, read, total int64)

func (p Progress) tell(lines int, read, total int64) {
	if p != nil {
		p(lines, read, total)
	}
}

// IndexOptions says what to read.
type IndexOptions struct {
	Path     string
	Rotated  bool     // without a cursor, read the files that were rotated away, too
	Now      int64    // the clock of the pass, in microseconds
	Progress Progress // may be nil
}

// Result tells what a pass read of one source.
type Result struct {
	Read        int // lines or entries
	Saved       store.Saved
	Quarantined int
	Gaps        []store.Gap
	Torn        string // a file whose last line is not whole, "" for none
	TornAt      int64  // when that file was last written, in microseconds
	Quiet       string // why nothing came, if that is worth a word; "" otherwise
	Capped      bool   // there is more, left to the next pass
	// MissedTo is, if journalctl left files out but all else was read, the time up to
	// which they may hold entries, in microseconds; otherwise 0.
	MissedTo int64
	ReadTo   int64 // if Capped: the time up to which the journal was read, in microseconds; otherwise 0
	Heard    Heard // of the journal
}

func (r *Result) add(saved store.Saved) {
	r.Saved.Ships += saved.Ships
	r.Saved.Puts += saved.Puts
	r.Saved.Rejections += saved.Rejections
	r.Saved.Floods = append(r.Saved.Floods, saved.Floods...)
	r.Saved.Future += saved.Future
	r.Saved.Expired += saved.Expired
	r.Saved.ExpiredBefore = max(r.Saved.ExpiredBefore, saved.ExpiredBefore)
}

// Readable tells whether the index can be read; if not, the error is ErrUnread.
func Readable(path string) error {
	f, err := openPlain(path)
	if err != nil {
		return fmt.Errorf("index %w: %w", ErrUnread, err)
	}
	return f.Close()
}

// Index reads what the index has got since the last pass, through rotations and
// truncations, and stores it.
func Index(ctx context.Context, s *store.Store, opts IndexOptions) (result Result, err error) {
	source, err := s.Source(ctx, store.StreamIndex)
	if err != nil {
		return result, err
	}
	stored, err := s.Cursor(ctx, source)
	if err != nil {
		return result, err
	}
	r := &indexReader{s: s, opts: opts, source: source, stored: stored.State, result: &result, parser: indexParser{source: source, now: opts.Now}}
	err = r.read(ctx, stored)
	switch {
	case errors.Is(err, ErrUnread):
		// What was parsed counts. The gap stays open until a pass gets through.
		gaps := append(r.gaps, store.Gap{Reason: store.GapUnread, From: cmp.Or(stored.NewestAt, opts.Now), To: opts.Now,
			Detail: "the index could not be read to its end"})
		result.Gaps = append(result.Gaps, gaps...)
		if _, saveErr := s.Save(ctx, &store.Batch{Source: source, Now: opts.Now, Gaps: gaps}); saveErr != nil {
			return result, saveErr
		}
	case err == nil:
		err = s.CloseUnread(ctx, source, opts.Now)
	}
	return result, err
}

// read reads on from where the last pass stopped.
func (r *indexReader) read(ctx context.Context, stored store.Cursor) error {
	current, err := openPlain(r.opts.Path)
	if err != nil {
		return fmt.Errorf("index %w: %w", ErrUnread, err)
	}
	defer current.Close()
	cursor, ok := parseIndexCursor(stored.State)
	r.began = cursor
	if cursor, err = r.readLate(ctx, cursor, current); err != nil {
		return err
	}
	facts, err := surveyIndex(indexFacts{cursor: cursor, stored: ok, newest: stored.NewestAt, now: r.opts.Now, rebuild: r.opts.Rotated}, current)
	if err != nil && facts.goesOn() {
		r.olderGap(r.opts.Path, cursor.ModTime, err)
	} else if err != nil {
		return fmt.Errorf("index %w: %w", ErrUnread, err)
	}
	return r.act(ctx, planIndex(facts), cursor, current)
}

// act does what is planned. A file that was rotated away and cannot be read must not
// keep the index itself from being read.
func (r *indexReader) act(ctx context.Context, p indexPlan, cursor indexCursor, current *indexFile) error {
	if p.gap != nil {
		r.gaps, r.parser.again = append(r.gaps, *p.gap), true
	}
	for _, step := range p.steps {
		var err error
		switch step.do {
		case readIndex:
			_, err = r.drain(ctx, current, step.from, cursor.at)
			return err
		case readCopy:
			_, _, err = r.drainOlder(ctx, step.path, fileCursor{}, func(fileCursor) indexCursor { return cursor })
		case readOlder:
			var end fileCursor
			var plain bool
			end, plain, err = r.drainOlder(ctx, step.path, step.from, func(c fileCursor) indexCursor {
				c.ModTime = min(c.ModTime, p.unread) // the files after this one may have an earlier time
				return cursor.at(c)
			})
			if plain {
				cursor = cursor.with(end)
			}
		}
		if errors.Is(err, ErrUnread) {
			r.olderGap(step.path, p.since, err)
		} else if err != nil {
			return err
		}
	}
	return nil
}

// olderGap notes that the rest of a file that was rotated away may be missing.
func (r *indexReader) olderGap(path string, from int64, err error) {
	if r.isBeingCompressed(path) {
		return
	}
	r.gaps = append(r.gaps, store.Gap{Reason: store.GapRotated, From: from, To: r.opts.Now,
		Detail: "a file that was rotated away could not be read to its end: " + strconv.Quote(err.Error())})
}

// readLate reads what was written to the files beside the index after they had been
// read to their ends, and returns the cursor with them. A compressed file does not
// grow any more.
func (r *indexReader) readLate(ctx context.Context, cursor indexCursor, current *indexFile) (indexCursor, error) {
	if len(cursor.Rotated) == 0 {
		return cursor, nil
	}
	files, err := beside(r.opts.Path, current.info)
	if err != nil {
		return cursor, nil // the next pass may be allowed to look
	}
	for _, c := range cursor.Rotated {
		path, reason := planLate(cursor, c, files, copyOf(c, files))
		switch reason {
		case lateUnchanged:
			continue
		case lateGone:
			cursor = cursor.without(c)
			continue
		}
		end, plain, err := r.drainOlder(ctx, path, c, func(to fileCursor) indexCursor { return cursor.moved(c, to) })
		if plain && !errors.Is(err, errAnotherFile) {
			cursor = cursor.moved(c, end)
		} else {
			cursor = cursor.without(c)
		}
		switch {
		case err == nil, errors.Is(err, errAnotherFile):
		case errors.Is(err, ErrUnread):
			r.olderGap(path, c.ModTime, err)
		default:
			return cursor, err
		}
	}
	return cursor, nil
}

// openPlain opens a regular file without following a link or waiting for a FIFO.
func openPlain(path string) (*indexFile, error) {
	file, info, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	// Now, and not with each cursor: it may be cut and written anew while it is read.
	head := make([]byte, headBytes)
	n, err := file.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		file.Close()
		return nil, err
	}
	return &indexFile{path: path, file: file, info: info, identity: identify(int(file.Fd()), ""), head: head[:n], current: true}, nil
}

func openRegular(path string) (*os.File, os.FileInfo, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|noFollow, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: not a regular file", path)
	}
	if err != nil {
		file.Close()
		return nil, nil, err
	}
	return file, info, nil
}
