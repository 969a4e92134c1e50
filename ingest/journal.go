package ingest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/cis490/fleet-health/store"
)

const (
	chunkEntries = 5_000     // journal entries, or facts in them, behind which a batch is saved
	maxEntries   = 5_000_000 // of one pass; the rest is left to the next
	// overlap is how far before a point in time the journal is read again when
	// the cursor cannot be used. What is known is left out.
	overlap = 24 * store.Hour
)

// JournalOptions says which journal to read.
type JournalOptions struct {
	Unit       string
	Directory  string        // as journalctl -D; "" is the system's journal
	Now        int64         // the clock of the pass, in microseconds
	Timeout    time.Duration // without a byte from journalctl, after which it is killed
	Command    string        // the journalctl to run; "" finds it in PATH
	SystemDirs []string      // where the system's journal files lie; nil means the machine's own
	MaxEntries int           // to read in one call; 0 means five million
	Progress   Progress      // may be nil
}

// journalCursor is how far the journal was read. Only within one boot is the
// journal's order sure: it follows sequence numbers or the monotonic clock
// there, but may put entries of a later boot, whose clock was behind, before
// those of an earlier one. So it is known of each boot how far it was read.
type journalCursor struct {
	Version int              `json:"v"`
	Cursor  string           `json:"cursor"`          // __CURSOR of the last entry, or of the first that has its time; "" before the first of all
	Same    int              `json:"same"`            // how many have that time, of those read; 0 is 1
	At      int64            `json:"at"`              // the last one's time, in microseconds
	Boot    string           `json:"boot"`            // its boot
	Boots   map[string]int64 `json:"boots"`           // the boots read, each with the monotonic time of its last entry
	Fresh   []string         `json:"fresh"`           // those of them that were met behind a cursor: what stands before it is unread
	First   bool             `json:"first,omitempty"` // the first reading has not come to its end: it goes on with Again and with boots that are not known
	Clock   int64            `json:"clock"`           // of the pass, if the entry was ahead of it by more than FutureTolerance, or 0: what was written since may stand before the entry
	Again   []stretch        `json:"again,omitempty"` // what is to be read besides what comes after the cursor
	Missed  *missed          `json:"missed,omitempty"`
}

// parseJournalCursor reads a stored cursor. ok is false for none, and for one
// that cannot be read.
func parseJournalCursor(state string) (c journalCursor, ok bool) {
	if err := json.Unmarshal([]byte(state), &c); err != nil || c.Version != cursorVersion {
		return journalCursor{Version: cursorVersion}, false
	}
	return c, true
}

func (c journalCursor) String() string {
	b, err := json.Marshal(c)
	if err != nil {
		return ""
	}
	return string(b)
}

// Journal reads what the journal has got since the last pass, with journalctl.
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
	r := &journalFollower{entryReader: newEntryReader(s, source, opts.Unit, opts.Now, &result), opts: opts, begin: begin, at: begin}
	r.at.Boots, r.at.Again, r.at.Missed = maps.Clone(begin.Boots), slices.Clone(begin.Again), begin.Missed.clone()
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
		result.ReadTo = r.readTo()
	}
	if err == nil {
		return result, r.save(ctx, r.place(), !result.Capped)
	}
	if errors.Is(err, ErrUnread) {
		// What was parsed counts. The gap stays open until a pass gets through. Where
		// only files are left out, all else was read, and their gap is the only one.
		g := store.Gap{Reason: store.GapUnread, From: r.at.At, To: opts.Now, Detail: "the journal could not be read to its end"}
		onlyMissed := result.MissedTo > 0
		if m := r.at.Missed; len(m.files()) > 0 {
			g.Detail = m.String()
			if onlyMissed {
				g.From, g.To = m.Since, result.MissedTo
			}
		}
		if g.From == 0 || g.From > g.To {
			g.From = g.To
		}
		r.gap(g)
		if saveErr := r.save(ctx, r.place(), onlyMissed && !result.Capped); saveErr != nil {
			return result, saveErr
		}
	}
	return result, err
}

// journalFollower reads on from a cursor.
type journalFollower struct {
	*entryReader
	opts     JournalOptions
	begin    journalCursor // where the pass began
	at       journalCursor // where it is
	behind   bool          // reading what was written after the cursor's entry
	accepted bool          // journalctl has given an entry
	passed   bool          // the cursor's own entry has come, or what stands in its place
	same     int           // entries that were read, and are still to come behind that
	instant  int64         // the monotonic time of the entry that at.Cursor has; 0 for none yet
	first    bool          // nothing was read before
	latest   int64         // time of an entry of the boot at the position
	ahead    bool          // entries are from the future: the clock may have gone back
	stepped  bool          // that the clock went back has been noted
	vacuumed *store.Gap    // to note, unless the cursor's entry may be in a file that was left out
	cost     int           // entries that count towards MaxEntries

	stretch  *stretch // being read; nil for what comes after the cursor
	reached  []byte   // cursor of the first entry that has the time of the last one read in it
	resuming bool     // what an earlier pass has read of it comes again
	resumed  instant  // the last of that

	says *journalctlSays   // what journalctl says at the moment
	left map[string]string // the files that it has left out the last time
}

// read reads what is unread, as far as it can be read.
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

// readOn reads on from the cursor.
func (r *journalFollower) readOn(ctx context.Context) error {
	if r.begin.Cursor == "" || r.begin.First {
		err := r.readAll(ctx)
		if err == nil && !r.accepted && r.at.Missed == nil {
			r.result.Quiet = fmt.Sprintf("the journal has no entry of unit %s: is the name right?", r.unit)
		}
		return err
	}
	r.behind = true
	if r.begin.At > r.now+store.FutureTolerance || r.begin.Clock > 0 {
		r.lookBehind()
	}
	// Not --after-cursor: with a filter it loses an entry if the cursor's own
	// entry was deleted (systemd issue 30288). --cursor begins with that entry.
	err := r.follow(ctx, "--cursor="+r.begin.Cursor)
	if errors.Is(err, errExit) && !r.accepted {
		return r.seekByTime(ctx, err)
	}
	if err != nil || r.result.Capped {
		return err
	}
	return r.lookBack(ctx)
}

// readAll reads the whole journal, a boot at a time: where the clock has gone
// back, journalctl leaves out entries of one boot that it would have to put before
// what it has given of another. The position is the end of the boot with the latest
// entry.
func (r *journalFollower) readAll(ctx context.Context) error {
	boots, err := r.boots(ctx)
	if err != nil {
		return err
	}
	r.first, r.at.First = true, true
	passedOver := false
	for _, boot := range boots {
		begun := slices.ContainsFunc(r.at.Again, func(s stretch) bool { return s.Boot == boot })
		if _, known := r.at.Boots[boot]; known && !begun && !slices.Contains(r.begin.Fresh, boot) {
			passedOver = true // an earlier pass has read it; what came since is left to the next
		} else if !begun {
			r.due(boot, 0)
		}
	}
	r.at.Fresh = nil
	if err := r.readStretches(ctx); err != nil || r.result.Capped {
		return err
	}
	r.at.First = false
	r.result.Capped = passedOver
	return nil
}

// seekByTime is for a cursor with which journalctl fails. If it fails without
// it too, the cursor was not the reason, and is kept.
func (r *journalFollower) seekByTime(ctx context.Context, refusal error) error {
	r.behind = false
	r.at = journalCursor{Version: cursorVersion, At: r.begin.At, Again: r.at.Again, Missed: r.at.Missed}
	err := r.follow(ctx, since(min(r.begin.At, r.now)-overlap))
	if errors.Is(err, ErrUnread) && !r.accepted {
		missed := r.at.Missed
		r.at = r.begin
		r.at.Missed = missed
		return refusal
	}
	if r.accepted {
		// The boots before those 24 hours are as well known as they were.
		for boot, last := range r.begin.Boots {
			if r.at.Boots[boot] < last {
				r.at.Boots[boot] = last
			}
		}
		r.at.Fresh = r.begin.Fresh
	}
	if err == nil || errors.Is(err, ErrUnread) {
		r.lost(r.begin.At, "journalctl did not accept the cursor; the 24 hours before it were read again")
	}
	return err
}

func since(at int64) string {
	at = max(at, 0)
	return fmt.Sprintf("--since=@%d.%06d", at/store.Second, at%store.Second)
}

func (r *journalFollower) lost(from int64, detail string) {
	if from == 0 || from > r.now {
		from = r.now
	}
	r.gap(store.Gap{Reason: store.GapCursorLost, From: from, To: r.now, Detail: detail})
}

// lookBack reads what journalctl puts before the cursor although it was
// written after it: the beginning of boots met behind the cursor, boots that
// are not known at all, and whatever the clock's going back has hidden. In an
// ordinary pass the cursor's boot goes on, and there is nothing to look for.
func (r *journalFollower) lookBack(ctx context.Context) error {
	if r.result.Read == 0 || r.ahead || len(r.at.Fresh) > 0 {
		boots, err := r.boots(ctx)
		if err != nil {
			return err
		}
		if r.at.Missed == nil {
			maps.DeleteFunc(r.at.Boots, func(boot string, _ int64) bool { return !slices.Contains(boots, boot) })
		}
		for _, boot := range boots { // one by one, as in readAll
			_, known := r.at.Boots[boot]
			begun := slices.ContainsFunc(r.at.Again, func(s stretch) bool { return s.Boot == boot && s.Since == 0 })
			if (!known || slices.Contains(r.at.Fresh, boot)) && !begun {
				r.due(boot, 0)
			}
		}
	}
	r.stepped = r.stepped || r.at.Missed != nil // what was left out may be of any time
	if err := r.readStretches(ctx); err != nil || r.result.Capped {
		return err
	}
	r.at.Fresh = nil
	return nil
}

// place is what to store of where the pass is.
func (r *journalFollower) place() string {
	r.keepPlace()
	r.at.Clock = 0
	if r.at.At > r.now+store.FutureTolerance {
		r.at.Clock = r.now
	}
	return r.at.String()
}

// follow reads entries from a starting point to the end of the journal. journalctl
// ends within a damaged entry. If it does so again when it begins there, reading
// goes on after the entry.
func (r *journalFollower) follow(ctx context.Context, seek ...string) error {
	clear(r.twins)
	r.when = instant{}
	cut, err := r.followFrom(ctx, nil, seek...)
	for cut != nil && ctx.Err() == nil {
		at := string(cut.cursor)
		again, errAgain := r.followFrom(ctx, cut, r.inStretch("--cursor="+at)...)
		switch {
		case errors.Is(errAgain, errElsewhere):
			return err
		case again == nil || !again.is(cut):
			cut, err = again, errAgain
		case !r.take(cut, true):
			r.result.Capped = true
			return nil
		default:
			cut, err = r.followFrom(ctx, nil, r.inStretch("--after-cursor="+at)...)
		}
	}
	return err
}

// inStretch adds to a seek the boot of the stretch that is being read.
func (r *journalFollower) inStretch(seek string) []string {
	if r.stretch != nil && r.stretch.Boot != "" {
		return []string{seek, "_BOOT_ID=" + r.stretch.Boot}
	}
	return []string{seek}
}

// errElsewhere: journalctl did not begin with the entry that was asked for.
var errElsewhere = errors.New("journalctl began with another entry")

// followFrom reads entries from a starting point until journalctl ends. It returns
// the entry within which that was, nil for none. The first entry has to be first,
// unless that is nil.
func (r *journalFollower) followFrom(ctx context.Context, first *entry, seek ...string) (cut *entry, err error) {
	r.says = &journalctlSays{}
	err = runJournalctl(ctx, r.opts, append(entryArgs(r.opts), seek...), r.says, func(out io.Reader) error {
		stream := newExportReader(out, 0)
		for {
			e, err := stream.next()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if errors.Is(err, io.ErrUnexpectedEOF) {
				e = stream.unfinished()
				cut = e
			}
			if first != nil && (e == nil || !e.is(first)) {
				return errElsewhere
			}
			if first = nil; err != nil {
				return err
			}
			if !r.take(e, false) {
				r.result.Capped = true
				return nil
			}
			if r.full() {
				r.settle()
				if err := r.save(ctx, r.place(), false); err != nil {
					return err
				}
				r.opts.Progress.tell(r.result.Read, 0, 0)
			}
		}
	})
	r.settle()
	if !errors.Is(err, errMidEntry) {
		cut = nil
	}
	return cut, err
}

// settle takes in what journalctl has said until now.
func (r *journalFollower) settle() {
	r.noteLeft()
	switch m := r.at.Missed; {
	case r.vacuumed == nil:
	case !r.cursorLeftOut():
		r.gap(*r.vacuumed)
	case m.Lost == nil:
		m.Lost, m.Cursor = r.vacuumed, r.begin.Cursor
	}
	r.vacuumed = nil
}

// take reads an entry, of which only the cursor and the times are known if it is
// damaged. It returns false for one that is too many.
func (r *journalFollower) take(e *entry, damaged bool) bool {
	r.accepted = true
	if m := r.at.Missed; m != nil && m.Lost != nil && bytes.Equal(anywhere(e.cursor), anywhere([]byte(m.Cursor))) {
		m.Lost = nil
	}
	if r.behind && !r.passed && r.stretch == nil && bytes.Equal(anywhere(e.cursor), anywhere([]byte(r.begin.Cursor))) {
		r.passed, r.same, r.instant, r.last = true, max(r.begin.Same, 1)-1, e.monotonic, e.at
		r.count(e)
		r.know(e)
		return true
	}
	again := r.stretch != nil && r.wasReached(e)
	if r.cost >= r.opts.MaxEntries && !again {
		return false
	}
	if r.stretch != nil && !again {
		r.cost++
		if !r.when.is(e) {
			r.reached, r.stretch.At, r.stretch.Monotonic = append(r.reached[:0], e.cursor...), e.at, e.monotonic
		}
	}
	if damaged {
		r.passOver(e)
	} else {
		r.add(e)
	}
	r.advance(e)
	return true
}

// passOver notes that an entry is damaged. A hundred of them end the pass: each
// takes two more runs of journalctl.
func (r *journalFollower) passOver(e *entry) {
	r.count(e)
	r.seen++
	r.last = e.at
	r.cost += r.opts.MaxEntries / 100
	r.gap(store.Gap{Reason: store.GapDamaged, From: e.at, To: e.at + 1, Detail: "the journal holds a damaged entry, which journalctl cannot print"})
}

// advance moves the position to an entry that is new. What has been read comes
// again in three cases: journalctl may begin before the cursor if two files of
// one boot number their entries on their own; it puts an earlier boot behind
// the cursor until the clock has caught up; and lookBack asks for it. What has
// the time of the cursor's own entry has been read, too.
func (r *journalFollower) advance(e *entry) {
	if r.same > 0 && string(e.boot) == r.begin.Boot && e.monotonic == r.instant {
		r.same--
		return
	}
	back := r.stretch != nil && !r.first // looking back, at what may have been read
	last, known := r.at.Boots[string(e.boot)]
	isNew := !known || e.monotonic > last
	switch {
	case isNew || back || string(e.boot) != r.at.Boot:
	case r.first:
		isNew = e.monotonic == r.instant
	default:
		isNew = r.passed || e.monotonic == last
	}
	if !r.ahead && !r.first && e.at > r.now+store.FutureTolerance {
		r.lookBehind()
	}
	if r.behind && !r.stepped && e.at < r.begin.At-store.Minute && (isNew || slices.Contains(r.at.Fresh, string(e.boot))) {
		r.stepped = true
		r.gap(store.Gap{Reason: store.GapClockStep, From: e.at, To: min(r.begin.At, r.now),
			Detail: "the journal's clock went back; what it says of this time may be of either turn"})
	}
	if !isNew {
		return
	}
	if r.behind && !r.passed && !back {
		r.passed = true
		r.vacuumed = &store.Gap{Reason: store.GapVacuumed, From: min(r.begin.At, r.now), To: min(max(r.begin.At, e.at), r.now),
			Detail: "the journal does not hold the cursor's entry any more; entries after it may have been deleted"}
	}
	r.result.Read++
	if r.stretch == nil {
		r.cost++
	}
	r.know(e)
	if r.first && string(e.boot) != r.at.Boot && e.at < r.latest {
		return
	}
	r.latest = max(r.latest, e.at)
	if r.at.Same++; string(e.boot) != r.at.Boot || e.monotonic != r.instant {
		r.at.Cursor, r.at.Same, r.instant = string(e.cursor), 1, e.monotonic
	}
	r.at.At, r.at.Boot = e.at, string(e.boot)
}

func (r *journalFollower) know(e *entry) {
	last, known := r.at.Boots[string(e.boot)]
	if r.at.Boots == nil {
		r.at.Boots = map[string]int64{}
	}
	if !known && r.behind {
		r.at.Fresh = append(r.at.Fresh, string(e.boot))
	}
	r.at.Boots[string(e.boot)] = max(last, e.monotonic)
}
