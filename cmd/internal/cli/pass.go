package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/cis490/fleet-health/detect"
	"github.com/cis490/fleet-health/ingest"
	"github.com/cis490/fleet-health/store"
)

// maxWAL is the size in bytes above which the write-ahead log is too large: a reader
// keeps it from being emptied.
const maxWAL = 16 << 20

// runPass does one pass under the lock, and says how it went.
func runPass(ctx context.Context, o passOptions, e *Env) error {
	e.level.Set(o.level)
	limitMemory()
	if !isDirectory(filepath.Dir(o.db)) {
		return fmt.Errorf("%w: --db %s: there is no such directory", errUsage, o.db)
	}
	if err := refuseRoot(filepath.Dir(o.alerts)); err != nil {
		return err
	}
	if o.page != "" {
		if err := refuseRoot(o.page); err != nil {
			return err
		}
	}
	lock, err := takeLock(o.db, e.Now())
	if err != nil {
		return err
	}
	defer lock.Close()
	if o.rebuild {
		if err := lock.wait(ctx, e); err != nil {
			return err
		}
	}
	if !lock.held {
		return o.yield(ctx, e, lock)
	}
	return o.passUnderLock(ctx, e)
}

// limitMemory sets the collector for a pass, which holds a few batches at a time.
func limitMemory() {
	debug.SetGCPercent(50)
	// The window of a zstd file may need 128 MiB; its garbage must not come on top.
	debug.SetMemoryLimit(160 << 20)
}

// moveAside renames the database for a rebuild, unless there is no index to read.
func (o *passOptions) moveAside(ctx context.Context, e *Env, started time.Time) error {
	if err := ingest.Readable(o.index); err != nil {
		return fmt.Errorf("%w; nothing was moved", err)
	}
	aside, err := store.MoveAside(ctx, o.db, started)
	if err == nil && aside != "" {
		e.log.Info(fmt.Sprintf("the old database is %s now; what operators have acknowledged, muted and retired stands only there, in operator_log", aside))
	}
	return err
}

// passUnderLock opens the database, for a rebuild a new one, and runs the pass on it.
func (o *passOptions) passUnderLock(ctx context.Context, e *Env) error {
	started := e.Now()
	if !o.nowGiven {
		o.now = started.UnixMicro() // it may have waited for the lock
	}
	if o.rebuild {
		if err := o.moveAside(ctx, e, started); err != nil {
			return err
		}
	}
	s, err := store.Open(ctx, o.db, store.Options{Now: started.UnixMicro(), BusyTimeout: e.BusyTimeout})
	if isSignal(ctx, err) {
		e.log.Info("stopped by a signal before anything was read")
		return nil
	}
	if err != nil {
		return err
	}
	defer s.Close()
	sayMigrated(e.log, s)
	p := &pass{o: *o, e: e, s: s, started: started, readTo: math.MaxInt64,
		row: store.Pass{StartedAt: started.UnixMicro(), AsOf: o.now, Checked: s.Checked()}}
	return p.runToEnd(ctx)
}

// isSignal reports whether an error says no more than that a signal ended ctx.
func isSignal(ctx context.Context, err error) bool {
	return ctx.Err() != nil && errors.Is(err, context.Canceled)
}

// pass is one pass at work.
type pass struct {
	o              passOptions
	e              *Env
	s              *store.Store
	started        time.Time
	row            store.Pass
	read           detect.Sources
	unread         []error  // why sources, or the file of alerts, could not be read
	alertsUnusable bool     // the file of alerts is one of unread
	heldBack       []string // streams whose detectors do not run, because of the clock
	reached        int64    // time that age counts from, in microseconds; 0 if unknown, or if detectors are held back
	readTo         int64    // all facts of the sources before this time are stored; microseconds, the greatest if none are left
	lastEvent      int64    // the ID of the newest event of an incident before this pass judged
	counts         struct{ ships, puts, rejections int }
}

// run takes the steps of a pass in their order, until one fails.
func (p *pass) run(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		p.begin,
		p.readIndex,
		p.readJournal,
		p.adoptAlerts,
		p.detect,
		p.sayAlerts, // before the export: if that fails, the next pass does not log these alerts again
		p.exportAlerts,
		p.prune,
		p.finishDays,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// begin stores that the pass has started.
func (p *pass) begin(ctx context.Context) error { return p.s.BeginPass(ctx, &p.row) }

// finishDays writes the rollups of the days that are over.
func (p *pass) finishDays(ctx context.Context) error { return p.s.FinishDays(ctx, p.o.now) }

// runToEnd runs the pass, and stores and says how it ended, also after a signal.
func (p *pass) runToEnd(ctx context.Context) error {
	err := p.run(ctx)
	interrupted := ctx.Err() != nil && err == nil || isSignal(ctx, err)
	if interrupted {
		err = nil
	}
	ending := context.WithoutCancel(ctx)
	err = cmp.Or(err, p.finish(ending, err, interrupted))
	if err == nil && !interrupted {
		p.saySummary()
		p.writePages(ctx) // after the pass is stored: the pages say as of when it judged
	}
	err = cmp.Or(err, p.checkpoint(ending))
	switch {
	case err != nil:
		return err
	case interrupted:
		p.e.log.Info("stopped by a signal between two batches; the next pass goes on from there")
	case len(p.unread) > 0:
		return errUnread
	}
	return nil
}

// finish stores how the pass ended.
func (p *pass) finish(ctx context.Context, err error, interrupted bool) error {
	outcome := store.OutcomeOK
	switch {
	case interrupted:
		outcome = store.OutcomeInterrupted
	case err != nil:
		outcome = store.OutcomeFailed
		p.row.Error.String, p.row.Error.Valid = err.Error(), true
	case len(p.unread) > 0:
		outcome = store.OutcomeUnread
		joined := strings.ReplaceAll(errors.Join(p.unread...).Error(), "\n", "; ")
		p.row.Error.String, p.row.Error.Valid = joined, true
	}
	p.row.Outcome.String, p.row.Outcome.Valid = outcome, true
	p.row.FinishedAt.Int64, p.row.FinishedAt.Valid = p.e.Now().UnixMicro(), true
	if p.row.ID == 0 { // it could not begin
		return nil
	}
	return p.s.FinishPass(ctx, &p.row)
}

func (p *pass) saySummary() {
	took := time.Duration(p.row.FinishedAt.Int64-p.row.StartedAt) * time.Microsecond
	p.e.log.Info(fmt.Sprintf("%d hosts; index: %d new rows; journal: %d entries, %d PUTs, %d rejections; %d new alert(s); %s",
		p.row.Hosts, p.counts.ships, p.row.JournalEntries, p.counts.puts, p.counts.rejections, p.row.NewAlerts, took.Round(time.Millisecond)))
}

// checkpoint empties the write-ahead log, and warns of one that stays large.
func (p *pass) checkpoint(ctx context.Context) error {
	wal, err := p.s.Checkpoint(ctx)
	if err == nil && wal > maxWAL {
		p.e.log.Warn(fmt.Sprintf("the write-ahead log has %d MiB: a reader has kept the database open; end it to give the space back", wal>>20))
	}
	return err
}
