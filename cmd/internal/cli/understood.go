package cli

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/cis490/fleet-health/detect"
	"github.com/cis490/fleet-health/ingest"
	"github.com/cis490/fleet-health/store"
	"github.com/cis490/fleet-health/store/isotime"
)

// putFacts has the facts that show whether a pass understood the receiver's access
// lines. Times are microseconds, 0 for none.
type putFacts struct {
	store.PutEvidence
	newPuts int   // PUTs that the pass found
	shipped int   // new rows of the index
	entries int   // entries of the receiver that the pass read
	oldest  int64 // time of the first entry
	until   int64 // time up to which the journal is known
	window  int64 // length of the detectors' window
}

// since returns the start of the time in which the journal is known and has no PUT; 0 if
// no time is known. Entries before the oldest one may be deleted.
func (f putFacts) since() int64 {
	if f.GapFrom > 0 && f.GapFrom >= f.LastPut {
		return f.GapFrom
	}
	known := cmp.Or(f.oldest, f.FollowedSince)
	if f.FollowedSince > 0 {
		known = min(known, f.FollowedSince)
	}
	if known == 0 {
		return 0
	}
	return max(known, f.LastPut)
}

// notUnderstood reports whether hosts shipped without a PUT in the journal, in this pass
// or for longer than the detectors look back. ships counts the ships since f.since.
func (f putFacts) notUnderstood(ships int) bool {
	if f.newPuts > 0 || f.since() == 0 || ships < manyShips {
		return false
	}
	return f.shipped >= manyShips && f.entries > 0 || f.LastPut < f.until-f.window
}

// shipsPerPut is the number of ships to one PUT that is odd: each ship is a PUT.
const shipsPerPut = 10

// fewUnderstood reports whether the pass found so few PUTs that most access lines must
// have an unknown form. ships counts the ships since f.oldest.
func (f putFacts) fewUnderstood(ships int) bool {
	return f.newPuts > 0 && min(ships, f.shipped) >= max(manyShips, shipsPerPut*f.newPuts)
}

// judgePuts notices access lines of an unknown form. If no PUT is understood, it holds
// back the detectors that need PUTs, and stores the time as a gap of the journal.
func (p *pass) judgePuts(ctx context.Context, journal ingest.Result) error {
	shipped, until := p.row.IndexRows, p.o.now
	if p.o.export != "" {
		until = min(until, journal.Heard.Newest) // a dump says nothing of the time after it
	}
	source, err := p.s.Source(ctx, store.StreamJournal)
	if err != nil {
		return err
	}
	f := putFacts{newPuts: journal.Saved.Puts, shipped: shipped, entries: journal.Heard.Entries, oldest: journal.Heard.Oldest,
		until: until, window: p.o.thresholds.RecentWindow}
	var none, few bool
	err = p.s.View(ctx, func(tx *store.Tx) error {
		if f.PutEvidence, err = tx.PutEvidence(source, p.o.now); err != nil {
			return err
		}
		since, most := f.since(), manyShips
		if f.newPuts > 0 {
			since, most = f.oldest, max(manyShips, shipsPerPut*f.newPuts)
		}
		ships, err := tx.ShipsBetween(since, until, most)
		none, few = f.notUnderstood(ships), f.fewUnderstood(ships)
		return err
	})
	if err != nil || !none && !few {
		return err
	}
	newest := ""
	if sample := journal.Heard.Sample(); sample != "" {
		newest = "; the newest other line is " + sample
	}
	const forms = "ingest/README.md names the forms of access lines that are read"
	if few {
		p.e.log.Warn(fmt.Sprintf("the index has %d new rows, but only %d line(s) of unit %s were understood as PUTs: %s%s",
			shipped, f.newPuts, p.o.unit, forms, newest))
		return nil
	}
	p.read.NoPuts, p.read.NoRejections = true, f.LastRejection < until-f.window
	symptoms := detect.HeldBack(detect.Sources{NoPuts: true, NoRejections: p.read.NoRejections})
	notJudged := strings.Join(symptoms, " and ") + " are"
	if len(symptoms) == 1 {
		notJudged = symptoms[0] + " is"
	}
	p.e.log.Warn(fmt.Sprintf("hosts have shipped since %s, but no line of unit %s was understood as a PUT; %s not judged, and PUTs are unknown: %s%s",
		isotime.Format(f.since()), p.o.unit, notJudged, forms, newest))
	_, err = p.s.Save(ctx, &store.Batch{Source: source, Now: p.o.now, Gaps: []store.Gap{{Reason: store.GapNotUnderstood, From: f.since(), To: until,
		Detail: "hosts shipped, but no line of the receiver was understood as a PUT"}}})
	return err
}
