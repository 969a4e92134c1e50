package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/cis490/fleet-health/store"
	"github.com/cis490/fleet-health/store/isotime"
)

// pruneShare is the fraction of a pass's time that pruning may add to it.
const pruneShare = 0.3

// alertsKept is how long alerts are kept, in microseconds. A longer --retention-days
// keeps them longer.
const alertsKept = 2 * 365 * 24 * store.Hour

// minDatabaseSize is the least --max-database-size, in bytes.
const minDatabaseSize = 16 << 20

// prune deletes rows older than --retention-days, and then the oldest rows of a database
// that is still too large. Its time is limited: later passes delete the rest. It takes
// one step in any case.
func (p *pass) prune(ctx context.Context) error {
	err := ctx.Err()
	if err == nil && len(p.heldBack) == 0 { // a wrong clock may make everything old
		err = p.pruneByAge(ctx)
	}
	if err == nil {
		err = p.pruneBySize(ctx)
	}
	if err == nil {
		err = ctx.Err()
	}
	return err
}

func (p *pass) pruneByAge(ctx context.Context) error {
	if p.o.retentionDays == 0 {
		return nil
	}
	before := min(p.horizon(), p.readTo-p.readTo%store.Hour)
	begun := p.e.Now()
	budget := time.Duration(pruneShare * float64(begun.Sub(p.started)))
	goOn := func() bool { return ctx.Err() == nil && p.e.Now().Sub(begun) < budget }
	age := int64(p.o.retentionDays) * 24 * store.Hour
	pruned, err := p.s.Prune(ctx, store.PruneOptions{Before: before, Alerts: before + age - max(age, alertsKept), GoOn: goOn})
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
		p.e.log.Info(fmt.Sprintf("pruned %d row(s) from before %s; %d KiB given back", pruned.Raw(), isotime.Format(before), given>>10))
	}
	return nil
}

// pruneBySize deletes the oldest rows while the database is larger than
// --max-database-size. Deleting takes about as long as reading, so it may take the time
// of the pass, and a second.
func (p *pass) pruneBySize(ctx context.Context) error {
	if p.o.maxSize == 0 {
		return nil
	}
	var used, newest, since int64
	err := p.s.View(ctx, func(tx *store.Tx) (err error) {
		if used, err = tx.UsedBytes(); err == nil {
			newest, err = tx.NewestFact()
		}
		return err
	})
	if err != nil || used <= p.o.maxSize {
		return err
	}
	begun := p.e.Now()
	budget := begun.Sub(p.started) + time.Second
	goOn := func() bool { return ctx.Err() == nil && p.e.Now().Sub(begun) < budget }
	needed := min(p.o.now, newest, p.readTo) - p.o.thresholds.RecentWindow // by the detectors
	pruned, tooLarge, err := p.s.PruneToSize(ctx, store.SizeOptions{Max: p.o.maxSize, Before: max(0, needed), GoOn: goOn})
	if err != nil {
		return err
	}
	if pruned.Raw() > 0 {
		if err := p.s.Update(ctx, func(tx *store.Tx) (err error) { since, err = tx.RawSince(); return err }); err != nil {
			return err
		}
		given, err := p.s.GiveBack(ctx, goOn)
		if err != nil {
			return err
		}
		p.e.log.Info(fmt.Sprintf("pruned %d row(s) because the database is larger than --max-database-size %s; all rows are kept from %s on; %d KiB given back",
			pruned.Raw(), p.o.maxSizeText, isotime.Format(since), given>>10))
	}
	if tooLarge {
		p.e.log.Warn(fmt.Sprintf("the database is larger than --max-database-size %s, but the detectors need the rows that are left; the rest is hourly counts and alerts",
			p.o.maxSizeText))
	}
	return nil
}

// parseSize parses a number of bytes: 500MiB, 2G, 1.5 GiB. Each unit is 1,024 times the
// one before, with or without an i and a B.
func parseSize(text string) (bytes int64, ok bool) {
	number, unit := strings.ToUpper(strings.TrimSpace(text)), int64(1)
	number = strings.TrimSuffix(strings.TrimSuffix(number, "B"), "I")
	for i, suffix := range []string{"K", "M", "G", "T"} {
		if rest, found := strings.CutSuffix(number, suffix); found {
			number, unit = rest, 1<<(10*(i+1))
			break
		}
	}
	number = strings.TrimSpace(number)
	if strings.Trim(number, "0123456789.") != "" {
		return 0, false // ParseFloat accepts more: signs, exponents, NaN
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || n*float64(unit) > 1<<50 {
		return 0, false
	}
	return int64(n * float64(unit)), true
}

// horizon returns the hour before which facts are old enough to be pruned; 0 if that is
// unknown.
func (p *pass) horizon() int64 {
	before := p.reached - int64(p.o.retentionDays)*24*store.Hour
	return max(0, before-before%store.Hour)
}

// reachedTime returns the time that age counts from; 0 if it is unknown. A clock without
// a battery may be years ahead, and the receiver's stamps with it. So a time only counts
// if all kept passes, eight hours of the timer, had reached it. A time from --now counts
// at once.
func (p *pass) reachedTime(tx *store.Tx) (at int64, err error) {
	at = p.o.now
	if !p.o.nowGiven {
		if at, err = tx.EarliestOfPasses(store.KeptPasses); err != nil {
			return 0, err
		}
	}
	newest, err := tx.NewestFact()
	return min(at, newest), err
}

// checkRetention refuses a retention that would delete rows that the detectors need.
func (o *passOptions) checkRetention() error {
	if o.retentionDays < 0 || o.retentionDays > 36500 {
		return fmt.Errorf("%w: --retention-days %d is not between 0 and 36500", errUsage, o.retentionDays)
	}
	if o.retentionDays > 0 && int64(o.retentionDays)*24*store.Hour < o.thresholds.RecentWindow {
		return fmt.Errorf("%w: --retention-days %d is less than --recent-window-min %d, and the detectors need its rows", errUsage, o.retentionDays, o.thresholds.RecentWindow/store.Minute)
	}
	var ok bool
	if o.maxSize, ok = parseSize(o.maxSizeText); !ok {
		return fmt.Errorf("%w: --max-database-size %q is not a size like 500MiB or 2GiB", errUsage, o.maxSizeText)
	}
	if o.maxSize > 0 && o.maxSize < minDatabaseSize {
		return fmt.Errorf("%w: --max-database-size %s is less than 16MiB; 0 is no limit", errUsage, o.maxSizeText)
	}
	return nil
}
