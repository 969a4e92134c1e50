package ingest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/cis490/fleet-health/store"
)

// indexReader reads the index and the files that were rotated away from it.
type indexReader struct {
	s      *store.Store
	opts   IndexOptions
	source int64
	stored string      // the cursor that the database holds
	began  indexCursor // where the pass began
	gaps   []store.Gap // found, and to be stored with the next cursor: a pass that ends between the two would forget them
	result *Result
	parser indexParser
}

// errAnotherFile: a file does not hold what was read of the one that it seems to be.
var errAnotherFile = errors.New("it does not hold what was read of it")

// drainOlder reads the rest of a file that is not the index any more. plain
// tells whether there may be more of it the next time, which of a compressed one
// there is not.
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

// drain reads a file from a cursor to its end, and returns the cursor there; at
// makes the cursor to be stored of each cursor on the way. Parsing and storing
// overlap: on two cores that is nearly twice as quick.
func (r *indexReader) drain(ctx context.Context, f *indexFile, c fileCursor, at func(fileCursor) indexCursor) (end fileCursor, err error) {
	lines, err := f.from(c)
	if err != nil {
		return c, fmt.Errorf("index %w: %w", ErrUnread, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	chunks := make(chan chunk, 1)
	defer func() {
		cancel()
		for range chunks { // until the parser has ended
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

// save stores a chunk with the cursor after it, and the gaps that were found. It
// does nothing if none of them is new.
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
