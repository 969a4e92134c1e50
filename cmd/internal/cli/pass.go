package cli

import (
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
	"github.com/cis490/fleet-health/report"
	"github.com/cis490/fleet-health/store"
	"github.com/cis490/fleet-health/store/isotime"
)

// maxWAL is the size in bytes of a write-ahead log that is too much: a reader
// keeps it from being emptied.
const maxWAL = 16 << 20

// runPass does one pass under the lock, and says how it went.
func runPass(ctx context.Context, o passOptions, e *Env) error {
	started := e.Now()
	e.level.Set(o.level)
	// A pass holds a few batches at a time; a tight collector keeps it small.
	debug.SetGCPercent(50)
	// The window of a zstd file may need 128 MiB; its garbage must not come on top.
	debug.SetMemoryLimit(160 << 20)
	if !isDirectory(filepath.Dir(o.db)) {
		return fmt.Errorf("%w: --db %s: there is no such directory", errUsage, o.db)
	}
	if err := refuseRoot(filepath.Dir(o.alerts)); err != nil {
		return err
	}
	lock, err := takeLock(o.db, started)
	if err != nil {
		return err
	}
	defer lock.Close()
	if !lock.held {
		return o.yield(ctx, e, lock)
	}
	if o.rebuild {
		if err := ingest.Readable(o.index); err != nil {
			return fmt.Errorf("%w; nothing was moved", err)
		}
		aside, err := store.MoveAside(ctx, o.db, started)
		if err != nil {
			return err
		}
		if aside != "" {
			e.log.Info(fmt.Sprintf("the old database is %s now", aside))
		}
	}
	s, err := store.Open(ctx, o.db, store.Options{Now: started.UnixMicro(), BusyTimeout: e.BusyTimeout})
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		e.log.Info("stopped by a signal before anything was read")
		return nil
	}
	if err != nil {
		return err
	}
	defer s.Close()
	sayMigrated(e.log, s)
	p := &pass{o: o, e: e, s: s, started: started, row: store.Pass{StartedAt: started.UnixMicro(), AsOf: o.now, Checked: s.Checked()}}
	err = p.run(ctx)
	interrupted := ctx.Err() != nil && (err == nil || errors.Is(err, context.Canceled))
	err = p.finish(context.WithoutCancel(ctx), err, interrupted)
	if wal, checkErr := s.Checkpoint(context.WithoutCancel(ctx)); checkErr != nil && err == nil {
		err = checkErr
	} else if wal > maxWAL {
		e.log.Warn(fmt.Sprintf("the write-ahead log has %d MiB: a reader has kept the database open; end it to give the space back", wal>>20))
	}
	if interrupted && err == nil {
		e.log.Info("stopped by a signal between two batches; the next pass goes on from there")
		return nil
	}
	if err != nil {
		return err
	}
	if len(p.unread) > 0 {
		return errUnread
	}
	return nil
}

// pass is one pass at work.
type pass struct {
	o        passOptions
	e        *Env
	s        *store.Store
	started  time.Time
	row      store.Pass
	read     detect.Sources
	unread   []error
	heldBack []string // streams whose detectors are, because of the clock
	reached  int64    // the time that age counts from, unless they are; microseconds, 0 if it cannot be told
	readTo   int64    // all facts of the sources before it are stored; microseconds, the greatest if none are left
	counts   struct{ ships, puts, rejections, future int }
}

func (p *pass) run(ctx context.Context) error {
	if err := p.s.BeginPass(ctx, &p.row); err != nil {
		return err
	}
	if err := p.ingest(ctx); err != nil {
		return err
	}
	found, err := report.Reconcile(ctx, p.s, p.o.alerts, p.o.now)
	unusable := errors.Is(err, report.ErrAlertsPath)
	if err != nil && !unusable {
		return err
	}
	if unusable {
		p.sayUnread(err)
	}
	if found.Adopted > 0 {
		p.e.log.Info(fmt.Sprintf("adopted %d alert(s) that stood in %s", found.Adopted, p.o.alerts))
	}
	sayIgnored(p.e.log, found, p.o.alerts)
	if err := p.detect(ctx); err != nil {
		return err
	}
	// Said before they are exported: a pass that fails there has found them, and
	// the next one will take them for said.
	if err := p.sayAlerts(ctx); err != nil {
		return err
	}
	if !unusable {
		if _, err := report.Export(ctx, p.s, p.o.alerts, p.o.now); errors.Is(err, report.ErrAlertsPath) {
			p.sayUnread(err)
		} else if err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return p.prune(ctx)
}

// manyShips is how many ships without one entry of the receiver in the journal
// are odd: each comes with an access line, if a moment later.
const manyShips = 10

// ingest reads the sources. One that cannot be read does not stop the other.
func (p *pass) ingest(ctx context.Context) error {
	// A rebuild that was killed before its first batch is the next pass's to finish.
	rotated := p.o.rebuild || store.MovedAside(p.o.db)
	p.readTo = math.MaxInt64
	result, err := ingest.Index(ctx, p.s, ingest.IndexOptions{Path: p.o.index, Rotated: rotated, Now: p.o.now, Progress: p.progress(ctx, "index")})
	p.row.IndexRows, p.row.Quarantined = result.Saved.Ships, result.Quarantined
	if p.note(result); errors.Is(err, ingest.ErrUnread) {
		p.sayUnread(err)
		p.read.Index.Held = "the index could not be read to its end"
	} else if err != nil {
		return err
	}
	shipped, known := result.Saved.Ships, p.o.now
	switch {
	case p.o.journal == "none":
		p.read.Journal.Off = true
		return nil
	case p.o.export != "":
		result, err = ingest.Dump(ctx, p.s, ingest.DumpOptions{Path: p.o.export, Stdin: p.e.Stdin, Unit: p.o.unit, Now: p.o.now,
			Progress: p.progress(ctx, "journal")})
		known = min(known, result.Heard.Newest)
	default:
		result, err = ingest.Journal(ctx, p.s, ingest.JournalOptions{Unit: p.o.unit, Directory: p.o.directory, Now: p.o.now, Timeout: p.o.journalTimeout,
			Progress: p.progress(ctx, "journal")})
		if err == nil && result.Read == 0 && result.Heard.Entries == 0 && shipped >= manyShips && result.Quiet == "" {
			result.Quiet = fmt.Sprintf("the index has %d new rows, but the journal not one entry of unit %s: "+
				"is the name right, and may this user still read the system's journal?", shipped, p.o.unit)
		}
	}
	p.row.JournalEntries = result.Read
	if p.note(result); err != nil && !errors.Is(err, ingest.ErrUnread) {
		return err
	}
	p.read.Journal = readSource(result)
	if err != nil {
		p.sayUnread(err)
		if !p.missedIsOld(result) {
			p.read.Journal.Held = "the journal could not be read to its end"
		}
	}
	if result.Capped {
		p.readTo = result.ReadTo
	}
	if p.read.Journal.Held == "" && !result.Capped {
		return p.judgePuts(ctx, result, shipped, known)
	}
	return nil
}

// missedIsOld reports whether what could not be read of the journal is older than
// its detectors look: a file that was damaged months ago must not stop them.
func (p *pass) missedIsOld(r ingest.Result) bool {
	return r.MissedTo > 0 && r.MissedTo < p.o.now-int64(p.o.recentMin)*store.Minute-store.FutureTolerance
}

func (p *pass) sayUnread(err error) {
	p.unread = append(p.unread, err)
	p.e.log.Error(describe(err))
}

// note says what was odd about a source.
func (p *pass) note(r ingest.Result) {
	p.counts.ships += r.Saved.Ships
	p.counts.puts += r.Saved.Puts
	p.counts.rejections += r.Saved.Rejections
	p.counts.future += r.Saved.Future
	for _, g := range r.Gaps {
		if g.Reason != store.GapUnread {
			p.e.log.Warn(fmt.Sprintf("gap (%s) from %s to %s: %s", g.Reason, isotime.Format(g.From), isotime.Format(g.To), g.Detail))
		}
	}
	if r.Quarantined > 0 {
		p.e.log.Warn(fmt.Sprintf("%d line(s) could not be read as facts and were quarantined: the view quarantine_log has samples", r.Quarantined))
	}
	if r.Saved.Future > 0 {
		p.e.log.Warn(fmt.Sprintf("%d fact(s) are stamped more than 5 minutes ahead of the clock", r.Saved.Future))
	}
	sayFloods(p.e.log, r.Saved.Floods)
	if r.Saved.Expired > 0 {
		p.e.log.Info(fmt.Sprintf("%d fact(s) from before %s were left out: the rows of that time are pruned, and may have held them",
			r.Saved.Expired, isotime.Format(r.Saved.ExpiredBefore)))
	}
	if r.Torn != "" && p.o.now-r.TornAt > store.Hour {
		p.e.log.Warn(fmt.Sprintf("the last line of %s has been without its end for %d min", r.Torn, (p.o.now-r.TornAt)/store.Minute))
	}
	if r.Quiet != "" {
		p.e.log.Warn(r.Quiet)
	}
	switch {
	case r.Capped && r.ReadTo != 0:
		p.e.log.Info(fmt.Sprintf("the journal holds more than one pass reads; the next pass goes on, and until then its detectors judge as of %s",
			isotime.Format(r.ReadTo)))
	case r.Capped:
		p.e.log.Info("the journal holds more than one pass reads; the next pass goes on, and until its end its detectors are held back")
	}
}

// detect runs the detectors, but for those that cannot trust the clock.
func (p *pass) detect(ctx context.Context) error {
	return p.s.Update(ctx, func(tx *store.Tx) (err error) {
		if p.row.Hosts, err = tx.Hosts(); err != nil {
			return err
		}
		if err := p.judgeClock(tx); err != nil {
			return err
		}
		if err := tx.CatchUp(p.o.now); err != nil {
			return err
		}
		verdicts, err := detect.Find(tx, p.thresholds(), p.read, p.o.now)
		if err != nil {
			return err
		}
		if p.row.NewAlerts, err = detect.Raise(tx, verdicts, p.o.now, p.row.ID); err != nil || len(p.heldBack) > 0 {
			return err
		}
		if p.reached, err = p.reachedTime(tx); err != nil {
			return err
		}
		return tx.ForgetClients(p.reached - store.ClientsKept)
	})
}

// sayAlerts says the alerts that the detectors have stored just now.
func (p *pass) sayAlerts(ctx context.Context) error {
	if p.row.NewAlerts == 0 {
		return nil
	}
	return p.s.View(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		return tx.EachNotExported(func(a store.Alert) error {
			if a.PassID.Int64 == p.row.ID {
				p.e.log.Warn(fmt.Sprintf("ALERT host=%s symptom=%s: %s; suggested: %s", cell(a.Host), a.Symptom, a.Detail, a.SuggestedFix))
			}
			return nil
		})
	})
}

func (p *pass) thresholds() detect.Thresholds {
	return detect.Thresholds{
		Lookback:        int64(p.o.lookbackHours) * store.Hour,
		SilentThreshold: int64(p.o.silentMin) * store.Minute,
		RecentWindow:    int64(p.o.recentMin) * store.Minute,
		FatalRatio:      p.o.fatalRatio,
		FatalMinCount:   p.o.fatalMinCount,
	}
}

// finish writes the pass's row and says the summary. It returns the error of
// the pass, if it is more than a signal, or its own.
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
	finished := p.e.Now()
	p.row.Outcome.String, p.row.Outcome.Valid = outcome, true
	p.row.FinishedAt.Int64, p.row.FinishedAt.Valid = finished.UnixMicro(), true
	if interrupted {
		err = nil
	}
	if p.row.ID != 0 {
		if finishErr := p.s.FinishPass(ctx, &p.row); err == nil {
			err = finishErr
		}
	}
	if err == nil && !interrupted {
		p.e.log.Info(fmt.Sprintf("%d hosts; index: %d new rows; journal: %d entries, %d PUTs, %d rejections; %d new alert(s); %s",
			p.row.Hosts, p.counts.ships, p.row.JournalEntries, p.counts.puts, p.counts.rejections, p.row.NewAlerts,
			finished.Sub(time.UnixMicro(p.row.StartedAt)).Round(time.Millisecond)))
	}
	return err
}
