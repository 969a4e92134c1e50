package cli

import (
	"fmt"

	"github.com/cis490/fleet-health/detect"
	"github.com/cis490/fleet-health/ingest"
	"github.com/cis490/fleet-health/store"
	"github.com/cis490/fleet-health/store/isotime"
)

// judgeClock holds back the detectors of each source whose facts contradict the clock.
// For the other sources, a fact that an earlier, wrong clock accepted no longer counts as
// the newest if it is ahead of the clock. A time from --now is right, unless it is before detect.EarliestClock.
func (p *pass) judgeClock(tx *store.Tx) error {
	now := p.o.now
	if p.o.nowGiven && now >= detect.EarliestClock {
		return nil
	}
	index, journal, err := tx.Stamps(now)
	if err != nil {
		return err
	}
	steady, err := tx.SteadyClock(now)
	if err != nil {
		return err
	}
	for _, one := range []struct {
		stream     string
		own, other store.Stamps
		source     *detect.Source
	}{
		{store.StreamIndex, index, journal, &p.read.Index},
		{store.StreamJournal, journal, index, &p.read.Journal},
	} {
		reason := detect.JudgeClock(now, one.own, one.other, steady)
		switch {
		case !reason.Trusted():
			p.heldBack = append(p.heldBack, one.stream)
			if one.source.Held == "" {
				one.source.Held = fmt.Sprintf("%s: it says %s, and of the facts %d are ahead, up to %s, and %d of the last half hour agree", reason,
					isotime.Format(now), index.Ahead+journal.Ahead, isotime.Format(max(index.Newest, journal.Newest)), index.Recent+journal.Recent)
			}
		case one.own.Newest > now+store.FutureTolerance:
			p.e.log.Info(fmt.Sprintf("facts of the %s are stamped up to %s, ahead of the clock, but %s: nothing is held back for them",
				one.stream, isotime.Format(one.own.Newest), reason))
			if err := tx.ForgetAhead(one.stream, now); err != nil {
				return err
			}
		}
	}
	if len(p.heldBack) > 0 {
		p.sayHeldBack(max(index.Newest, journal.Newest))
	}
	return nil
}

// sayHeldBack warns that the clock holds back detectors.
func (p *pass) sayHeldBack(newest int64) {
	which := "the detectors are"
	if len(p.heldBack) == 1 && !p.read.Journal.Off {
		which = "the detectors of the " + p.heldBack[0] + " are"
	}
	p.e.log.Warn(fmt.Sprintf("the clock says %s, the newest fact %s: %s held back until it is right",
		isotime.Format(p.o.now), isotime.Format(newest), which))
}

// readSource returns how far the detectors may trust a source that was read. The first
// reading of a journal goes boot by boot, not in the order of time. So until it ends,
// there is no time up to which everything is read.
func readSource(result ingest.Result) detect.Source {
	if result.Capped && result.ReadTo == 0 {
		return detect.Source{Held: "the source holds more than one pass reads, and was not read in the order of time"}
	}
	return detect.Source{ReadTo: result.ReadTo}
}
