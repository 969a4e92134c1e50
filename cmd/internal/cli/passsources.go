package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/cis490/fleet-health/ingest"
	"github.com/cis490/fleet-health/store"
	"github.com/cis490/fleet-health/store/isotime"
)

// readIndex reads the index. The other steps follow even if it cannot be read.
func (p *pass) readIndex(ctx context.Context) error {
	// If a rebuild was killed before its first batch, the next pass finishes it.
	rotated := p.o.rebuild || store.MovedAside(p.o.db)
	result, err := ingest.Index(ctx, p.s, ingest.IndexOptions{Path: p.o.index, Rotated: rotated, Now: p.o.now, Progress: p.progress(ctx, "index")})
	p.row.IndexRows, p.row.Quarantined = result.Saved.Ships, result.Quarantined
	p.count(result)
	p.sayOdd(result)
	if errors.Is(err, ingest.ErrUnread) {
		p.sayUnusable(err)
		p.read.Index.Held, p.read.Index.Unread = "the index could not be read to its end", true
		return nil
	}
	return err
}

// readJournal reads the journal or a dump of it, and decides whether its detectors run. The other steps follow even if it cannot be read.
func (p *pass) readJournal(ctx context.Context) error {
	if p.o.journal == "none" {
		p.read.Journal.Off = true
		return nil
	}
	result, err := p.ingestJournal(ctx)
	p.row.JournalEntries = result.Read
	p.count(result)
	p.sayOdd(result)
	if err != nil && !errors.Is(err, ingest.ErrUnread) {
		return err
	}
	p.read.Journal = readSource(result)
	if err != nil {
		p.sayUnusable(err)
		if !p.missedIsOld(result) {
			p.read.Journal.Held, p.read.Journal.Unread = "the journal could not be read to its end", true
		}
	}
	if result.Capped {
		p.readTo = result.ReadTo
	}
	if p.read.Journal.Held == "" && !result.Capped {
		return p.judgePuts(ctx, result)
	}
	return nil
}

// ingestJournal reads the journal, or the dump that stands for it.
func (p *pass) ingestJournal(ctx context.Context) (ingest.Result, error) {
	progress := p.progress(ctx, "journal")
	if p.o.export != "" {
		return ingest.Dump(ctx, p.s, ingest.DumpOptions{Path: p.o.export, Stdin: p.e.Stdin, Unit: p.o.unit, Now: p.o.now, Progress: progress})
	}
	result, err := ingest.Journal(ctx, p.s, ingest.JournalOptions{Unit: p.o.unit, Directory: p.o.directory, Now: p.o.now, Timeout: p.o.journalTimeout,
		Progress: progress})
	if err == nil && result.Quiet == "" && result.Read == 0 && result.Heard.Entries == 0 && p.row.IndexRows >= manyShips {
		result.Quiet = fmt.Sprintf("the index has %d new rows, but the journal not one entry of unit %s: "+
			"is the name right, and may this user still read the system's journal?", p.row.IndexRows, p.o.unit)
	}
	return result, err
}

// manyShips is how many ships without one entry of the receiver in the journal are
// odd: each ship has an access line, which may come a moment later.
const manyShips = 10

// missedIsOld reports whether what could not be read of the journal is older than
// its detectors look: a file that was damaged months ago must not stop them.
func (p *pass) missedIsOld(r ingest.Result) bool {
	return r.MissedTo > 0 && r.MissedTo < p.o.now-p.o.thresholds.RecentWindow-store.FutureTolerance
}

// sayUnusable says that a source could not be read, or that alerts.jsonl could not be
// written, and lets the pass go on.
func (p *pass) sayUnusable(err error) {
	p.unread = append(p.unread, err)
	p.e.log.Error(describe(err))
}

// count adds the new facts of a source to those of the summary.
func (p *pass) count(r ingest.Result) {
	p.counts.ships += r.Saved.Ships
	p.counts.puts += r.Saved.Puts
	p.counts.rejections += r.Saved.Rejections
}

// sayOdd says what was odd about a source.
func (p *pass) sayOdd(r ingest.Result) {
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
	sayCapped(p.e.log, r)
}

// sayCapped says that a journal holds more than one pass reads.
func sayCapped(log *slog.Logger, r ingest.Result) {
	switch {
	case r.Capped && r.ReadTo != 0:
		log.Info(fmt.Sprintf("the journal holds more than one pass reads; the next pass goes on, and until then its detectors judge as of %s",
			isotime.Format(r.ReadTo)))
	case r.Capped:
		log.Info("the journal holds more than one pass reads; the next pass goes on, and until its end its detectors are held back")
	}
}
