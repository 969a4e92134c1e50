package detect

import "github.com/cis490/fleet-health/store"

// EarliestClock is the earliest time that a right clock can show, in microseconds. The
// clock of a machine without a battery starts in 1970.
const EarliestClock = 1577836800 * store.Second // 2020-01-01

// ClockReason is the reason why the detectors of a source trust the clock or do not.
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

// JudgeClock decides whether the detectors of a source may trust the clock. It compares
// the clock with the facts of the source, and then with the facts of both sources.
//
// A clock that was ahead for one pass leaves a few facts ahead of it, and all later facts
// agree with it. A clock that is behind has hours or years of facts ahead of it. If no
// fact of the source is ahead, the clock is trusted: findings stay true if it is really
// later. A clock that was ahead for hours leaves more facts ahead than the last half hour
// has. Then steady decides: it means that the clock was behind none of the last
// store.KeptPasses passes.
func JudgeClock(now int64, own, other store.Stamps, steady bool) ClockReason {
	vouch := func(recent int, ahead ...int) bool {
		sum := 0
		for _, n := range ahead {
			if sum += n; n >= store.MaxStamps {
				return false // there may be more than were counted
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
