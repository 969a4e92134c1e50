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

// ErrUnread means that a source could not be read to its end. The part that was read
// is stored, with the cursor after it.
var ErrUnread = errors.New("source not read")

// Progress is called after each batch. lines counts lines or entries, read and total
// count bytes. total is 0 if it is unknown.
type Progress func(lines int, read, total int64)

func (p Progress) tell(lines int, read, total int64) {
	if p != nil {
		p(lines, read, total)
	}
}

// IndexOptions says how to read the index.
type IndexOptions struct {
	Path     string
	Rotated  bool     // without a cursor, read the rotated files, too
	Now      int64    // clock of the pass, in microseconds
	Progress Progress // may be nil
}

// Result is the outcome of reading one source in one pass.
type Result struct {
	Read        int // lines or entries
	Saved       store.Saved
	Quarantined int
	Gaps        []store.Gap
	Torn        string // path of a file whose last line has no end; "" if there is none
	TornAt      int64  // modification time of that file, in microseconds
	Quiet       string // message for the operator if no entry came for a suspicious reason; "" otherwise
	Capped      bool   // the pass stopped at MaxEntries; the next one continues
	// MissedTo is the time up to which left-out journal files may hold entries, in
	// microseconds. It is 0 unless journalctl left out files and all others were read.
	MissedTo int64
	ReadTo   int64 // time up to which a capped pass read the journal, in microseconds; otherwise 0
	Heard    Heard // lines of the receiver in the journal
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

// Readable returns ErrUnread if the index cannot be opened.
func Readable(path string) error {
	f, err := openPlain(path)
	if err != nil {
		return fmt.Errorf("index %w: %w", ErrUnread, err)
	}
	return f.Close()
}

// Index reads the new lines of the index and stores them. It follows rotations and
// truncations. An index that cannot be read to its end gives ErrUnread.
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
		// The parsed part counts. The gap stays open until a pass succeeds.
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

// read reads the index and its rotated files from the stored cursor on.
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

// act runs the steps of a plan. An unreadable rotated file becomes a gap, so that the
// index itself is still read.
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
				c.ModTime = min(c.ModTime, p.unread) // the files after this one may be older than it
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

// olderGap records that the end of a rotated file may be missing.
func (r *indexReader) olderGap(path string, from int64, err error) {
	if r.isBeingCompressed(path) {
		return
	}
	r.gaps = append(r.gaps, store.Gap{Reason: store.GapRotated, From: from, To: r.opts.Now,
		Detail: "a file that was rotated away could not be read to its end: " + strconv.Quote(err.Error())})
}

// readLate reads lines that were appended to rotated files after those had been read to
// their ends. It returns the moved cursor. Compressed files do not grow.
func (r *indexReader) readLate(ctx context.Context, cursor indexCursor, current *indexFile) (indexCursor, error) {
	if len(cursor.Rotated) == 0 {
		return cursor, nil
	}
	files, err := beside(r.opts.Path, current.info)
	if err != nil {
		return cursor, nil // the next pass tries again
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

// openPlain opens a regular file. It does not follow links or wait for a FIFO.
func openPlain(path string) (*indexFile, error) {
	file, info, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	// Read the head once: another process may cut the file during the pass.
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
