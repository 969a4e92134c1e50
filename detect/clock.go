package detect

import "github.com/cis490/fleet-health/store"

// EarliestClock is the time before which the clock cannot be right, in
// microseconds: a machine without a battery starts in 1970.
const EarliestClock = 1577836800 * store.Second // 2020-01-01

// ClockReason says why the detectors of a source trust the clock, or do not.
type ClockReason string

// Reasons that JudgeClock returns.
const (
	ClockNotContradicted ClockReason = "no fact of the source is ahead of the clock"
	ClockOwnFacts        ClockReason = "most recent facts of the source agree with the clock"
	ClockAllFacts        ClockReason = "most recent facts of all sources agree with the clock"
	ClockSteady          ClockReason = "it has not gone back for a hundred passes, and recent facts agree with it"
	ClockTooEarly        ClockReason = "the clock says a year before 2020"
	ClockOutvoted        ClockReason = "more facts are ahead of the clock than agree with it"
)

// Trusted reports whether the detectors may run.
func (r ClockReason) Trusted() bool { return r != ClockTooEarly && r != ClockOutvoted }

// JudgeClock judges the clock for the detectors of a source by its own facts,
// and by those of the other source where they do not vouch for it. A clock that
// was ahead for a pass leaves a few facts ahead of it, and all that come later
// agree with it. A clock that is behind has the facts of hours or years ahead. A
// source without a fact ahead of the clock is judged by it in any case: what its
// detectors find then is true of a later time, too. steady reports whether the
// clock has been behind none of store.KeptPasses passes: a clock that was ahead for
// hours leaves more facts ahead than the last half hour has.
func JudgeClock(now int64, own, other store.Stamps, steady bool) ClockReason {
	vouch := func(recent int, ahead ...int) bool {
		sum := 0
		for _, n := range ahead {
			if sum += n; n >= store.MaxStamps {
				return false // who knows how many there are
			}
		}
		return recent > 0 && recent >= sum
	}
	switch {
	case now < EarliestClock:
		return ClockTooEarly
	case own.Ahead == 0:
		return ClockNotContradicted
	case vouch(own.Recent, own.Ahead):
		return ClockOwnFacts
	case vouch(own.Recent+other.Recent, own.Ahead, other.Ahead):
		return ClockAllFacts
	case steady && own.Recent+other.Recent > 0:
		return ClockSteady
	default:
		return ClockOutvoted
	}
}
