package ingest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"
	"github.com/cis490/fleet-health/store"
)

const (
	chunkEntries = 20_000    // journal entries behind which a batch is saved
	maxEntries   = 5_000_000 // of one pass; the rest is left to the next
	// droppedID is the MESSAGE_ID of "Suppressed N messages from …", SD_MESSAGE_JOURNAL_DROPPED.
	droppedID = "a596d6fe7bfa4994828e72309e95d61e"
)

// journalCursor is how far the journal was read.
type journalCursor struct {
	Version int    `json:"v"`
	Cursor  string `json:"cursor"` // __CURSOR of the last entry
	At      int64  `json:"at"`     // its time, in microseconds
}

func parseJournalCursor(state string) (c journalCursor, ok bool) {
	err := json.Unmarshal([]byte(state), &c)
	return c, err == nil && c.Version == cursorVersion && c.Cursor != ""
}

// journalReader turns entries into batches.
type journalReader struct {
	s      *store.Store
	source int64
	unit   string
	now    int64
	names  *names
	result *Result
	batch  *store.Batch
	last   int64 // time of the entry before
	seen   int   // entries since the last batch
}

func newJournalReader(s *store.Store, source int64, unit string, now int64, result *Result) *journalReader {
	if !strings.Contains(unit, ".") {
		unit += ".service"
	}
	r := &journalReader{s: s, source: source, unit: unit, now: now, names: newNames(), result: result}
	r.reset()
	return r
}

func (r *journalReader) reset() {
	r.batch = &store.Batch{Source: r.source, Now: r.now}
	r.seen = 0
}

// add takes what an entry says into the batch.
func (r *journalReader) add(e *entry) {
	r.result.Read++
	r.seen++
	defer func() { r.last = e.at }()
	if string(e.messageID) == droppedID {
		r.dropped(e)
		return
	}
	if string(e.pid) == "1" || len(e.unit) > 0 && string(e.unit) != r.unit {
		return
	}
	warning := e.priority != 0 && e.priority <= '4'
	text, n := e.message, uint64(0)
	for len(text) > 0 {
		one, rest, _ := bytes.Cut(text, []byte("\n"))
		text = rest
		if f, ok := parseMessage(one, warning); ok {
			host := r.names.hosts.id([]byte(f.host))
			hash := xxhash.Sum64(e.cursor) + n
			n++
			if f.status != 0 {
				r.batch.Puts = append(r.batch.Puts, store.Put{At: e.at, CursorHash: hash, Host: host, Status: f.status})
				continue
			}
			reason := store.ReasonOther
			if f.unstamped {
				reason = store.ReasonUnstamped
			}
			r.batch.Rejections = append(r.batch.Rejections, store.Rejection{At: e.at, CursorHash: hash,
				Host: host, Reason: reason, Message: bounded(f.message)})
		}
	}
}

// dropped notes that journald threw entries of the unit away.
func (r *journalReader) dropped(e *entry) {
	if len(e.object) > 0 && string(e.object) != r.unit {
		return
	}
	n, err := strconv.ParseInt(string(e.dropped), 10, 64)
	if err != nil {
		n = 0
	}
	from := r.last
	if from == 0 || from > e.at {
		from = e.at
	}
	r.gap(store.Gap{Reason: store.GapRateLimited, From: from, To: e.at,
		Detail: fmt.Sprintf("journald dropped %d entries of the unit; raise RateLimitBurst= for it", n)})
}

func (r *journalReader) gap(g store.Gap) {
	r.batch.Gaps = append(r.batch.Gaps, g)
	r.result.Gaps = append(r.result.Gaps, g)
}

// save stores the batch with the position behind it.
func (r *journalReader) save(ctx context.Context, state string, recovered bool) error {
	r.batch.Hosts, r.batch.State, r.batch.Recovered = r.names.hosts.list, state, recovered
	saved, err := r.s.Save(ctx, r.batch)
	if err != nil {
		return err
	}
	r.result.add(saved)
	r.reset()
	return ctx.Err()
}

// Dump reads a `journalctl -o export` dump. A file is read on from where the
// last pass stopped in it; a stream is read whole. What is known is left out.
func Dump(ctx context.Context, s *store.Store, path, unit string, now int64, stdin io.Reader) (result Result, err error) {
	journal, err := s.Source(ctx, store.StreamJournal)
	if err != nil {
		return result, err
	}
	position, err := s.Source(ctx, store.StreamExport)
	if err != nil {
		return result, err
	}
	input, state, offset := stdin, func(int64) string { return "" }, int64(0)
	if path != "-" {
		f, err := openPlain(path)
		if err != nil {
			return result, fmt.Errorf("journal export %w: %w", ErrUnread, err)
		}
		defer f.Close()
		stored, err := s.Cursor(ctx, position)
		if err != nil {
			return result, err
		}
		if c, ok := parseFileCursor(stored.State); ok && c.Offset > 0 && c.matches(f.file) {
			offset = c.Offset
		}
		if _, err := f.file.Seek(offset, io.SeekStart); err != nil {
			return result, fmt.Errorf("journal export %w: %w", ErrUnread, err)
		}
		input = f.file
		state = func(at int64) string {
			tail := make([]byte, min(tailBytes, at))
			f.file.ReadAt(tail, at-int64(len(tail)))
			return cursorAt(f.info, at, f.head(), tail).String()
		}
	}
	r := newJournalReader(s, journal, unit, now, &result)
	stream := newExportReader(input, offset)
	// The rows belong to the journal, the position to the dump: it moves behind
	// them, and the natural keys make the stretch between harmless.
	commit := func() error {
		if err := r.save(ctx, "", false); err != nil {
			return err
		}
		if text := state(stream.offset); text != "" {
			return s.Update(ctx, func(tx *store.Tx) error { return tx.MoveCursor(position, text, now) })
		}
		return nil
	}
	for {
		e, err := stream.next()
		switch {
		case errors.Is(err, io.EOF):
			return result, commit()
		case err != nil:
			if saveErr := commit(); saveErr != nil {
				return result, saveErr
			}
			return result, fmt.Errorf("journal export %w: %s: %w", ErrUnread, path, err)
		}
		if r.add(e); r.seen >= chunkEntries {
			if err := commit(); err != nil {
				return result, err
			}
		}
	}
}
