package ingest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/cis490/fleet-health/store"
)

const (
	chunkEntries = 5_000     // entries, PUTs or rejections in a batch, at which it is saved
	maxEntries   = 5_000_000 // entries in a pass; the next pass reads the rest
	// overlap is how far before a lost cursor or a clock step the journal is read again.
	// The store ignores rows that it knows.
	overlap = 24 * store.Hour
)

// JournalOptions says which journal to read.
type JournalOptions struct {
	Unit       string
	Directory  string        // as in journalctl -D; "" means the system's journal
	Now        int64         // clock of the pass, in microseconds
	Timeout    time.Duration // journalctl is killed when it prints nothing for so long
	Command    string        // the journalctl to run; "" means the one in PATH
	SystemDirs []string      // directories of the system's journal files; nil means the machine's own
	MaxEntries int           // entries to read in one call; 0 means five million
	Progress   Progress      // may be nil
}

// Journal reads the new entries of the journal with journalctl and stores them. A
// journal that cannot be read to its end gives ErrUnread.
func Journal(ctx context.Context, s *store.Store, opts JournalOptions) (result Result, err error) {
	source, err := s.Source(ctx, store.StreamJournal)
	if err != nil {
		return result, err
	}
	stored, err := s.Cursor(ctx, source)
	if err != nil {
		return result, err
	}
	if opts.MaxEntries == 0 {
		opts.MaxEntries = maxEntries
	}
	begin, ok := parseJournalCursor(stored.State)
	r := &journalFollower{entryReader: newEntryReader(s, source, opts.Unit, opts.Now, &result), opts: opts, begin: begin}
	r.at.journalCursor = begin.clone()
	if opts.Directory == "" {
		err = systemJournalReadable(opts.SystemDirs)
	}
	if err == nil {
		if !ok && stored.State != "" {
			r.lost(stored.NewestAt, "the stored position cannot be read; all of the journal was read again")
		}
		err = r.read(ctx)
	}
	if result.Capped {
		result.ReadTo = r.at.readTo(opts.Now)
	}
	if err != nil && !errors.Is(err, ErrUnread) {
		return result, err
	}
	// The parsed part counts even if the rest could not be read. The gap stays open until
	// a pass fills it. If journalctl only left out files, no other gap stays open.
	onlyMissed := result.MissedTo > 0
	if err != nil {
		r.gap(r.unread(onlyMissed))
	}
	if saveErr := r.save(ctx, r.cursorState(), !result.Capped && (err == nil || onlyMissed)); saveErr != nil {
		return result, saveErr
	}
	return result, err
}

// unread returns the gap of the part that could not be read.
func (r *journalFollower) unread(onlyMissed bool) store.Gap {
	g := store.Gap{Reason: store.GapUnread, From: r.at.At, To: r.now, Detail: "the journal could not be read to its end"}
	if m := r.at.Missed; len(m.files()) > 0 {
		g.Detail = m.String()
		if onlyMissed {
			g.From, g.To = m.Since, r.result.MissedTo
		}
	}
	if g.From == 0 || g.From > g.To {
		g.From = g.To
	}
	return g
}

// read reads the new entries, then the files that journalctl left out earlier.
func (r *journalFollower) read(ctx context.Context) error {
	if err := r.readOn(ctx); err != nil {
		return err
	}
	if err := r.readMissed(ctx); err != nil {
		return err
	}
	if m := r.at.Missed; len(m.files()) > 0 {
		r.result.MissedTo = m.until(r.now)
		return m.err()
	}
	return nil
}

// readOn reads from the cursor on.
func (r *journalFollower) readOn(ctx context.Context) error {
	if r.begin.Cursor == "" || r.begin.First {
		err := r.readAll(ctx)
		if err == nil && r.met == 0 && r.at.Missed == nil {
			r.result.Quiet = fmt.Sprintf("the journal has no entry of unit %s: is the name right?", r.unit)
		}
		return err
	}
	r.at.mode, r.at.awaited = modeFollow, r.begin.Cursor
	if r.begin.At > r.now+store.FutureTolerance || r.begin.Clock > 0 {
		r.dueHidden()
	}
	// Not --after-cursor: with a filter it loses an entry if the cursor's own entry was
	// deleted (systemd issue 30288). --cursor starts with the cursor's own entry.
	err := r.follow(ctx, "--cursor="+r.begin.Cursor)
	if errors.Is(err, errExit) && r.met == 0 {
		return r.seekByTime(ctx, err)
	}
	if err != nil || r.result.Capped {
		return err
	}
	return r.lookBack(ctx)
}

// readAll reads the whole journal, one boot at a time. Given all boots at once,
// journalctl leaves out entries after a clock step, if it has printed later entries of
// another boot. The position ends up at the boot with the latest entry.
func (r *journalFollower) readAll(ctx context.Context) error {
	boots, err := r.boots(ctx)
	if err != nil {
		return err
	}
	r.at.First = true
	due, later := r.at.bootsDue(boots)
	r.due(0, due...)
	r.at.Fresh = nil
	if err := r.readStretches(ctx); err != nil || r.result.Capped {
		return err
	}
	r.at.First, r.result.Capped = false, later
	return nil
}

// seekByTime reads the journal from a time on, because journalctl failed with the
// cursor. If it fails without the cursor as well, the cursor was not the cause and is
// kept.
func (r *journalFollower) seekByTime(ctx context.Context, refusal error) error {
	r.at = position{mode: modeSeek,
		journalCursor: journalCursor{Version: cursorVersion, At: r.begin.At, Again: r.at.Again, Missed: r.at.Missed}}
	err := r.follow(ctx, since(min(r.begin.At, r.now)-overlap))
	if errors.Is(err, ErrUnread) && r.met == 0 {
		missed := r.at.Missed
		r.at.journalCursor = r.begin
		r.at.Missed = missed
		return refusal
	}
	if r.met > 0 {
		// Boots older than the overlap keep their progress.
		for boot, last := range r.begin.Boots {
			r.at.Boots[boot] = max(r.at.Boots[boot], last)
		}
		r.at.Fresh = r.begin.Fresh
	}
	if err == nil || errors.Is(err, ErrUnread) {
		r.lost(r.begin.At, "journalctl did not accept the cursor; the 24 hours before it were read again")
	}
	return err
}

func (r *journalFollower) lost(from int64, detail string) {
	if from == 0 || from > r.now {
		from = r.now
	}
	r.gap(store.Gap{Reason: store.GapCursorLost, From: from, To: r.now, Detail: detail})
}

// lookBack reads entries that journalctl prints before the cursor although they were
// written after it. These are the starts of boots first met while following, unknown
// boots, and entries after a clock step. An ordinary pass has none.
func (r *journalFollower) lookBack(ctx context.Context) error {
	if r.result.Read == 0 || r.ahead || len(r.at.Fresh) > 0 {
		boots, err := r.boots(ctx)
		if err != nil {
			return err
		}
		if r.at.Missed == nil {
			maps.DeleteFunc(r.at.Boots, func(boot string, _ int64) bool { return !slices.Contains(boots, boot) })
		}
		due, _ := r.at.bootsDue(boots)
		r.due(0, due...)
	}
	r.stepNoted = r.stepNoted || r.at.Missed != nil // left-out files may hold entries of any time
	if err := r.readStretches(ctx); err != nil || r.result.Capped {
		return err
	}
	r.at.Fresh = nil
	return nil
}

// cursorState returns the cursor to store.
func (r *journalFollower) cursorState() string {
	r.keepReached()
	r.at.Clock = 0
	if r.at.At > r.now+store.FutureTolerance {
		r.at.Clock = r.now
	}
	return r.at.journalCursor.String()
}
