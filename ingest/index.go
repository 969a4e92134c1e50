package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
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
	r := &indexReader{s: s, opts: opts, source: source, stored: stored.State, result: &result}
	err = r.read(ctx, stored.NewestAt)
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
func (r *indexReader) read(ctx context.Context, newest int64) error {
	current, err := openPlain(r.opts.Path)
	if err != nil {
		return fmt.Errorf("index %w: %w", ErrUnread, err)
	}
	defer current.Close()
	place, ok := parseFilePlace(r.stored)
	if err := r.drainRotated(ctx, &place, current); err != nil {
		return err
	}
	if ok && (place.Offset > 0 || place.identity == current.identity) && place.matches(current.file) {
		if place.Offset == 0 {
			if err := r.drainCopies(ctx, place, current.info); err != nil {
				return err
			}
		}
		_, err := r.drain(ctx, current, place.fileCursor, place.at)
		return err
	}
	var older []string
	begin, unread := fileCursor{}, int64(math.MaxInt64)                 // what was written from then on is unread
	since := min(cmp.Or(newest, place.ModTime, r.opts.Now), r.opts.Now) // what may be missing came later
	if ok {
		var t trail
		t, err = trailOf(r.opts.Path, place, current)
		older, unread = t.later, place.ModTime
		if t.own != "" {
			older, begin = slices.Insert(older, 0, t.own), place.fileCursor
		}
		if gap := indexGap(place.fileCursor, current, t, since, r.opts.Now); gap != nil {
			r.gaps, r.again = append(r.gaps, *gap), true
		}
	} else if r.opts.Rotated {
		older, err = rotated(r.opts.Path, current.info)
	}
	if err != nil {
		return fmt.Errorf("index %w: %w", ErrUnread, err)
	}
	for _, path := range older {
		end, plain, err := r.drainOlder(ctx, path, begin, func(c fileCursor) filePlace {
			c.ModTime = min(c.ModTime, unread) // the files behind this one may have an earlier time
			return place.at(c)
		})
		if errors.Is(err, ErrUnread) {
			// It must not keep the index itself from being read.
			r.olderGap(path, since, err)
		} else if err != nil {
			return err
		}
		if begin = (fileCursor{}); plain {
			place = place.with(end)
		}
	}
	_, err = r.drain(ctx, current, fileCursor{}, place.at)
	return err
}

// olderGap says that the rest of a file that was rotated away may be missing.
func (r *indexReader) olderGap(path string, from int64, err error) {
	if isBeingPacked(r.opts.Path, path) {
		return
	}
	r.gaps = append(r.gaps, store.Gap{Reason: store.GapRotated, From: from, To: r.opts.Now,
		Detail: "a file that was rotated away could not be read to its end: " + strconv.Quote(err.Error())})
}

// drainRotated reads what was written to the files beside the index after they
// had been read to their ends: a writer goes on writing to its file until it
// opens the index anew. Compressed, a file does not grow any more.
func (r *indexReader) drainRotated(ctx context.Context, place *filePlace, current *indexFile) error {
	if len(place.Rotated) == 0 {
		return nil
	}
	siblings, err := beside(r.opts.Path, current.info)
	if err != nil {
		return nil // the next pass may be allowed to look
	}
	for _, c := range place.Rotated {
		path := ""
		if i := slices.IndexFunc(siblings, func(s sibling) bool { return s.identity == c.identity }); i >= 0 {
			if place.knows(siblings[i]) {
				continue
			}
			path = siblings[i].path
		} else if t, err := trailOf(r.opts.Path, filePlace{fileCursor: c}, current); err == nil {
			path = t.own // once, as the place then forgets the file
		}
		if path == "" {
			*place = place.without(c)
			continue
		}
		end, plain, err := r.drainOlder(ctx, path, c, func(to fileCursor) filePlace { return place.moved(c, to) })
		if plain && !errors.Is(err, errAnotherFile) {
			*place = place.moved(c, end)
		} else {
			*place = place.without(c)
		}
		switch {
		case err == nil, errors.Is(err, errAnotherFile):
		case errors.Is(err, ErrUnread):
			r.olderGap(path, c.ModTime, err)
		default:
			return err
		}
	}
	return nil
}

// drainCopies reads the copies that were made of an index that had nothing in
// it when it was read: nothing tells a copy of it from another file.
func (r *indexReader) drainCopies(ctx context.Context, place filePlace, current os.FileInfo) error {
	siblings, err := beside(r.opts.Path, current)
	if err != nil {
		r.olderGap(r.opts.Path, place.ModTime, err)
		return nil
	}
	back := current.ModTime().UnixMicro() < place.ModTime // the clock has, and the times of files tell nothing
	for _, one := range siblings {
		if !one.rotated || !back && one.info.ModTime().UnixMicro() <= place.ModTime || place.knows(one) {
			continue
		}
		_, _, err := r.drainOlder(ctx, one.path, fileCursor{}, func(fileCursor) filePlace { return place })
		if errors.Is(err, ErrUnread) {
			r.olderGap(one.path, place.ModTime, err)
		} else if err != nil {
			return err
		}
	}
	return nil
}

// indexGap says what may be missing now that the cursor's file is not at its
// place any more; nil if that file was found and can be read to its end.
func indexGap(c fileCursor, current *indexFile, t trail, from, now int64) *store.Gap {
	gap := store.Gap{From: from, To: now}
	changed := t.changed
	if c.identity == current.identity {
		changed = &sibling{path: current.path, info: current.info}
	}
	switch {
	case changed != nil && changed.info.Size() < c.Offset:
		gap.Reason = store.GapTruncated
		gap.Detail = fmt.Sprintf("the index was cut from at least %d bytes to %d", c.Offset, changed.info.Size())
	case changed != nil:
		gap.Reason = store.GapRewritten
		gap.Detail = fmt.Sprintf("the index holds other bytes than those read before byte %d", c.Offset)
	case t.own != "" || c.Offset == 0 && slices.ContainsFunc(t.later, isPacked):
		// Nothing tells of an empty index which compressed file it has become, but
		// all of them that are new are read.
		return nil
	default:
		gap.Reason = store.GapRotated
		gap.Detail = fmt.Sprintf("another index is in place, and the one read up to byte %d was not found beside it", c.Offset)
	}
	if t.own != "" {
		gap.Detail += "; a copy of it was found and read to its end"
	} else {
		gap.Detail += "; lines written after that byte may be missing"
	}
	return &gap
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
