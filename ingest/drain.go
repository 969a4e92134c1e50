package ingest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/cis490/fleet-health/store"
)

// indexReader reads the index and its rotated files.
type indexReader struct {
	s      *store.Store
	opts   IndexOptions
	source int64
	stored string      // the cursor in the database
	began  indexCursor // the cursor at the start of the pass
	gaps   []store.Gap // not yet stored; the next save stores them with its cursor, so that no kill loses them
	result *Result
	parser indexParser
}

// errAnotherFile means that a file lacks the content that was read under its identity.
var errAnotherFile = errors.New("it does not hold what was read of it")

// drainOlder reads the rest of a rotated file. plain reports whether the file may
// still grow: a compressed one does not.
func (r *indexReader) drainOlder(ctx context.Context, path string, c fileCursor, at func(fileCursor) indexCursor) (end fileCursor, plain bool, err error) {
	f, err := openIndexFile(path)
	if err != nil {
		var atOpen *fs.PathError
		return c, errors.As(err, &atOpen) && c.witnessed(), fmt.Errorf("index %w: %w", ErrUnread, err)
	}
	defer f.Close()
	if c.Offset > 0 && f.stream == nil && !c.matches(f.file) {
		return c, true, fmt.Errorf("index %w: %s: %w", ErrUnread, path, errAnotherFile)
	}
	end, err = r.drain(ctx, f, c, at)
	return end, f.stream == nil, err
}

// drain reads a file from a cursor to its end and returns the cursor there. at turns
// each cursor on the way into the one to store. Parsing runs beside storing, which is
// nearly twice as fast on two cores.
func (r *indexReader) drain(ctx context.Context, f *indexFile, c fileCursor, at func(fileCursor) indexCursor) (end fileCursor, err error) {
	lines, err := f.from(c)
	if err != nil {
		return c, fmt.Errorf("index %w: %w", ErrUnread, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	chunks := make(chan chunk, 1)
	defer func() {
		cancel()
		for range chunks { // wait for the parser to end
		}
	}()
	go r.parser.parse(ctx, f, lines, chunks)
	end = c
	for chunk := range chunks {
		if err := r.save(ctx, chunk, at(chunk.end).String(), f.info.Size()); err != nil {
			return end, err
		}
		if chunk.torn && f.current {
			r.result.Torn, r.result.TornAt = f.path, f.info.ModTime().UnixMicro()
		}
		end = chunk.end
		if chunk.err != nil {
			return end, fmt.Errorf("index %w: %s: %w", ErrUnread, f.path, chunk.err)
		}
		if err := ctx.Err(); err != nil {
			return end, err
		}
	}
	return end, ctx.Err()
}

// save stores a chunk with the cursor after it and the new gaps. It skips the write
// if all of them are unchanged.
func (r *indexReader) save(ctx context.Context, c chunk, cursor string, size int64) error {
	c.batch.State, c.batch.Gaps = cursor, r.gaps
	if c.lines == 0 && cursor == r.stored && len(r.gaps) == 0 {
		return nil
	}
	saved, err := r.s.Save(ctx, c.batch)
	if err != nil {
		return err
	}
	r.stored = cursor
	r.result.Gaps = append(r.result.Gaps, r.gaps...)
	r.gaps = nil
	r.result.add(saved)
	r.result.Read += c.lines
	r.result.Quarantined += saved.Quarantined
	r.opts.Progress.tell(r.result.Read, c.read, size)
	return nil
}
