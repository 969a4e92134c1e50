package ingest

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/cespare/xxhash/v2"
	"github.com/cis490/fleet-health/store"
)

const (
	chunkLines = 100_000  // lines in a batch, at most
	chunkBytes = 32 << 20 // bytes in a batch, at most

	sampleBytes = 64  // bytes kept of a quarantined line
	maxCommit   = 128 // bytes kept of a code commit
)

// indexParser turns lines of the index into batches, one file at a time.
type indexParser struct {
	source int64
	now    int64 // clock of the pass, in microseconds
	series seriesNames
	again  bool // the lines may have been read before, at other offsets
}

// chunk is a batch on its way from the parser to the store.
type chunk struct {
	batch *store.Batch
	end   fileCursor // after the last line
	lines int
	read  int64 // bytes of all chunks so far
	torn  bool  // the file's last line has no end
	err   error // error of reading the file
}

// parse sends the lines of a file in chunks until the file or ctx ends.
func (p *indexParser) parse(ctx context.Context, f *indexFile, lines *lineReader, out chan<- chunk) {
	defer close(out)
	begin := lines.offset
	for {
		c := p.chunk(lines)
		ended := errors.Is(c.err, io.EOF)
		if ended {
			c.err, c.torn = nil, lines.torn()
		}
		c.end, c.read = f.cursorAt(lines.offset, lines.tail()), lines.offset-begin
		select {
		case out <- c:
		case <-ctx.Done():
			return
		}
		if ended || c.err != nil {
			return
		}
	}
}

// chunk reads lines until a batch is full or a line cannot be read.
func (p *indexParser) chunk(lines *lineReader) chunk {
	c := chunk{batch: &store.Batch{Source: p.source, Now: p.now, Quarantine: store.Quarantine{Again: p.again}}}
	if p.series.many() {
		p.series = seriesNames{}
	}
	from := lines.offset
	for c.err == nil && c.lines < chunkLines && lines.offset-from < chunkBytes && !p.series.tooMany() {
		var l line
		if l, c.err = lines.next(); c.err == nil {
			c.lines++
			p.parseLine(c.batch, l)
		}
	}
	c.batch.Series = p.series.list
	return c
}

func (p *indexParser) parseLine(batch *store.Batch, l line) {
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
		Series: p.series.id(row.host, row.commit[:min(len(row.commit), maxCommit)])})
}
