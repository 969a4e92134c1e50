package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/cespare/xxhash/v2"
	"github.com/cis490/fleet-health/store"
)

const (
	chunkLines = 100_000  // lines of the index behind which a batch is saved
	chunkBytes = 32 << 20 // bytes behind which a batch is saved, whatever they hold

	sampleBytes = 64  // of a quarantined line that are kept
	maxCommit   = 128 // bytes of a code commit that are kept
)

// indexReader reads the index and the files that were rotated away from it.
type indexReader struct {
	s      *store.Store
	opts   IndexOptions
	source int64
	stored string      // the place that the database holds
	gaps   []store.Gap // found, and to be stored with the next place: a pass that ends between the two would forget them
	result *Result
	series seriesNames // the parser's
	again  bool        // what is read may have been read before, at other offsets
}

// errAnotherFile: a file does not hold what was read of the one that it seems to be.
var errAnotherFile = errors.New("it does not hold what was read of it")

// drainOlder reads the rest of a file that is not the index any more. plain
// tells whether there may be more of it the next time, which of a compressed one
// there is not.
func (r *indexReader) drainOlder(ctx context.Context, path string, c fileCursor, at func(fileCursor) filePlace) (end fileCursor, plain bool, err error) {
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

// chunk is a batch on its way from the parser to the store.
type chunk struct {
	batch *store.Batch
	end   fileCursor
	lines int
	read  int64
	err   error
}

// drain reads a file from a cursor to its end, and returns the cursor there; at
// makes the place to be stored of each cursor on the way. Parsing and storing
// overlap: on two cores that is nearly twice as quick.
func (r *indexReader) drain(ctx context.Context, f *indexFile, c fileCursor, at func(fileCursor) filePlace) (end fileCursor, err error) {
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
	go r.parse(ctx, f, lines, chunks)
	end = c
	for chunk := range chunks {
		chunk.batch.State = at(chunk.end).String()
		chunk.batch.Gaps = r.gaps
		if chunk.lines > 0 || chunk.batch.State != r.stored || len(r.gaps) > 0 {
			saved, err := r.s.Save(ctx, chunk.batch)
			if err != nil {
				return end, err
			}
			r.stored = chunk.batch.State
			r.result.Gaps = append(r.result.Gaps, r.gaps...)
			r.gaps = nil
			r.result.add(saved)
			r.result.Read += chunk.lines
			r.result.Quarantined += saved.Quarantined
			r.opts.Progress.tell(r.result.Read, chunk.read, f.info.Size())
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

// parse reads lines and sends chunks, until the end of the file or of ctx.
func (r *indexReader) parse(ctx context.Context, f *indexFile, lines *lineReader, out chan<- chunk) {
	defer close(out)
	begin := lines.offset
	for {
		batch := &store.Batch{Source: r.source, Now: r.opts.Now, Quarantine: store.Quarantine{Again: r.again}}
		if r.series.many() {
			r.series = seriesNames{}
		}
		from, n := lines.offset, 0
		var err error
		for err == nil && n < chunkLines && lines.offset-from < chunkBytes && !r.series.tooMany() {
			var l line
			if l, err = lines.next(); err == nil {
				n++
				r.parseLine(batch, l)
			}
		}
		end := errors.Is(err, io.EOF)
		if end {
			err = nil
			if lines.torn() && f.current {
				r.result.Torn, r.result.TornAt = f.path, f.info.ModTime().UnixMicro()
			}
		}
		batch.Series = r.series.list
		select {
		case out <- chunk{batch, f.cursorAt(lines.offset, lines.behind()), n, lines.offset - begin, err}:
		case <-ctx.Done():
			return
		}
		if end || err != nil {
			return
		}
	}
}

func (r *indexReader) parseLine(batch *store.Batch, l line) {
	text, hash, reason := l.head, l.hash, reasonTooLong
	var row indexRow
	if !l.long {
		text = bytes.TrimPrefix(l.head, []byte("\xef\xbb\xbf")) // a byte order mark
		hash = xxhash.Sum64(text)
		row, reason = parseIndexRow(text)
	}
	if reason != "" {
		batch.Quarantine.Add(store.Quarantined{Reason: reason, LineHash: hash, Position: l.offset, Length: l.length},
			func() []byte { return bytes.Clone(text[:min(len(text), sampleBytes)]) })
		return
	}
	batch.Ships = append(batch.Ships, store.Ship{ReceivedAt: row.receivedAt, LineHash: hash,
		Series: r.series.id(row.host, row.commit[:min(len(row.commit), maxCommit)])})
}
