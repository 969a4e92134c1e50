package main

import (
	"context"
	"fmt"
	"time"

	"github.com/cis490/fleet-health/store"
)

// pruneShare is what pruning may add to the time that a pass has taken without it.
const pruneShare = 0.3

// prune deletes what is older than --retention-days, for as long as it may: what
// is left then is left to the next passes. It does one step in any case.
func (p *pass) prune(ctx context.Context) error {
	if p.o.retentionDays == 0 || len(p.heldBack) > 0 {
		return nil
	}
	var before int64
	err := p.s.Update(ctx, func(tx *store.Tx) (err error) { before, err = p.horizon(tx); return err })
	if err != nil {
		return err
	}
	begun := p.e.now()
	budget := time.Duration(pruneShare * float64(begun.Sub(p.started)))
	goOn := func() bool { return ctx.Err() == nil && p.e.now().Sub(begun) < budget }
	pruned, err := p.s.Prune(ctx, store.PruneOptions{Before: before, GoOn: goOn})
	if err != nil {
		return err
	}
	given := int64(0)
	if pruned.Whole {
		if given, err = p.s.GiveBack(ctx, goOn); err != nil {
			return err
		}
	}
	if pruned.Raw() > 0 || given > 0 {
		p.log.say(levelInfo, "pruned %d row(s) from before %s; %d KiB given back", pruned.Raw(), store.FormatTime(before), given>>10)
	}
	return ctx.Err()
}

// horizon is the hour before which facts are old enough to be pruned; 0 if that
// cannot be told.
func (p *pass) horizon(tx *store.Tx) (before int64, err error) {
	now, err := p.reached(tx)
	before = now - int64(p.o.retentionDays)*24*store.Hour
	return max(0, before-before%store.Hour), err
}

// reached is the time that age counts from; 0 if it cannot be told. A clock
// without a battery may be years ahead, and the receiver stamps by the same
// clock. It must have been so for as many passes as are kept, eight hours of the
// timer, before it makes everything old. A time that was asked for with --now is
// no clock's.
func (p *pass) reached(tx *store.Tx) (at int64, err error) {
	at = p.o.now
	if !p.o.nowGiven {
		if at, err = tx.EarliestOfPasses(store.KeptPasses); err != nil {
			return 0, err
		}
	}
	newest, err := tx.NewestFact()
	return min(at, newest), err
}

// checkRetention refuses a retention that takes what the detectors look at.
func (o *passOptions) checkRetention() error {
	if o.retentionDays < 0 || o.retentionDays > 36500 {
		return fmt.Errorf("%w: --retention-days %d is not between 0 and 36500", errUsage, o.retentionDays)
	}
	if o.retentionDays > 0 && o.retentionDays*24*60 < o.recentMin {
		return fmt.Errorf("%w: --retention-days %d is less than --recent-window-min %d, and the detectors need its rows", errUsage, o.retentionDays, o.recentMin)
	}
	return nil
}
