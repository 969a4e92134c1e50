package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/cis490/fleet-health/store"
)

// DumpOptions says which journal dump to read.
type DumpOptions struct {
	Path     string    // "-" means Stdin
	Stdin    io.Reader // may be nil unless Path is "-"
	Unit     string
	Now      int64    // clock of the pass, in microseconds
	Progress Progress // may be nil
}

// Dump reads the output of `journalctl -o export`. It continues a file at its stored
// cursor and reads a stream whole. The store ignores entries that it knows. The rows
// belong to the journal's source, the cursor and the gaps to the dump's.
// A dump that cannot be read to its end gives ErrUnread.
func Dump(ctx context.Context, s *store.Store, opts DumpOptions) (result Result, err error) {
	journal, err := s.Source(ctx, store.StreamJournal)
	if err != nil {
		return result, err
	}
	source, err := s.Source(ctx, store.StreamExport)
	if err != nil {
		return result, err
	}
	stored, err := s.Cursor(ctx, source)
	if err != nil {
		return result, err
	}
	d := &dumpReader{entryReader: newEntryReader(s, journal, opts.Unit, opts.Now, &result), opts: opts, source: source}
	err = d.open(stored.State)
	if d.file != nil {
		defer d.file.Close()
	}
	if err == nil {
		err = d.read(ctx)
	}
	if errors.Is(err, ErrUnread) {
		g := store.Gap{Reason: store.GapUnread, From: opts.Now, To: opts.Now, Detail: "the journal export could not be read to its end"}
		result.Gaps = append(result.Gaps, g)
		if _, saveErr := s.Save(ctx, &store.Batch{Source: source, Now: opts.Now, Gaps: []store.Gap{g}}); saveErr != nil {
			return result, saveErr
		}
	}
	return result, err
}

type dumpReader struct {
	*entryReader
	opts   DumpOptions
	source int64      // of the dump's cursor
	file   *indexFile // nil for a stream
	begin  int64      // offset at which reading starts
	stream *exportReader
}

func (d *dumpReader) open(state string) (err error) {
	if d.opts.Path == "-" {
		d.stream = newExportReader(d.opts.Stdin, 0)
		return nil
	}
	if d.file, err = openPlain(d.opts.Path); err != nil {
		return fmt.Errorf("journal export %w: %w", ErrUnread, err)
	}
	if c, ok := parseIndexCursor(state); ok && c.matches(d.file.file) {
		d.begin = c.Offset
	}
	if _, err := d.file.file.Seek(d.begin, io.SeekStart); err != nil {
		return fmt.Errorf("journal export %w: %w", ErrUnread, err)
	}
	d.stream = newExportReader(d.file.file, d.begin)
	return nil
}

func (d *dumpReader) read(ctx context.Context) error {
	for {
		e, err := d.stream.next()
		switch {
		case errors.Is(err, io.EOF):
			return d.commit(ctx, true)
		case err != nil:
			if saveErr := d.commit(ctx, false); saveErr != nil {
				return saveErr
			}
			return fmt.Errorf("journal export %w: %s: %w", ErrUnread, d.opts.Path, err)
		}
		d.result.Read++
		if d.add(e); d.full() {
			if err := d.commit(ctx, false); err != nil {
				return err
			}
			total := int64(0)
			if d.file != nil {
				total = d.file.info.Size() - d.begin
			}
			d.opts.Progress.tell(d.result.Read, d.stream.offset-d.begin, total)
		}
	}
}

// commit stores the rows, then the cursor. A kill between the two is harmless: the
// store knows the rows by their natural keys.
func (d *dumpReader) commit(ctx context.Context, whole bool) error {
	if err := d.save(ctx, "", false); err != nil {
		return err
	}
	b := &store.Batch{Source: d.source, Now: d.now, Recovered: whole}
	if at := d.stream.offset; d.file != nil {
		tail := make([]byte, min(tailBytes, at))
		if _, err := d.file.file.ReadAt(tail, at-int64(len(tail))); err != nil {
			return fmt.Errorf("journal export %w: %w", ErrUnread, err)
		}
		b.State = indexCursor{fileCursor: d.file.cursorAt(at, tail)}.String()
	}
	_, err := d.s.Save(ctx, b)
	return err
}
