package detect

import (
	"fmt"
	"maps"
	"slices"

	"github.com/cis490/fleet-health/store"
)

// learntDays is the number of days with ships that a rhythm needs.
const learntDays = 3

// leastLimit is the least silence, in thousandths of ships, that is not normal.
const leastLimit = 3000

// span is a time from From to To, in microseconds.
type span struct{ From, To int64 }

// learnAtOnce is the largest number of hosts that a pass learns. They take half a second.
// Later passes learn the rest of a large fleet.
const learnAtOnce = 250

// Learn learns the rhythms of the hosts whose turn it is, from the rollups of 28 days. A host
// has its turn in one hour of the day; previous is when Learn was called last, in microseconds.
func Learn(tx *store.Tx, now, previous int64) error {
	if now/store.Hour == previous/store.Hour {
		if behind, err := tx.AnyUnlearnt(now); err != nil || !behind {
			return err
		}
	}
	due, err := tx.DueToLearn(now, learnAtOnce)
	if err != nil || len(due) == 0 {
		return err
	}
	outages, err := tx.Outages(now-store.LearnFrom, now)
	if err != nil {
		return err
	}
	var spans []span
	for _, i := range outages {
		if outage(i.Symptom) { // hosts ship as ever while a source cannot be read
			spans = append(spans, span{i.BeganAt, endOf(&i, now)})
		}
	}
	for len(due) > 0 {
		some := due[:neighbours(due)]
		due = due[len(some):]
		hours, err := tx.ShippedHours(some[0], some[len(some)-1], (now-store.LearnFrom)/store.Hour, now/store.Hour)
		if err != nil {
			return fmt.Errorf("learn: %w", err)
		}
		rhythms := make([]store.Rhythm, len(some))
		for i, id := range some {
			rhythms[i] = learn(hours[id], now/store.Hour, spans)
			rhythms[i].HostID, rhythms[i].LearntAt = id, now
		}
		if err := tx.SaveRhythms(rhythms); err != nil {
			return fmt.Errorf("learn: %w", err)
		}
	}
	return nil
}

// neighbours returns how many of the hosts at the start of a list are read together: at most 64,
// which takes 2 MiB, with growing ids and few others between them.
func neighbours(ids []int64) int {
	n := 1
	for n < len(ids) && n < 64 && ids[n] > ids[n-1] && ids[n]-ids[n-1] < 8 {
		n++
	}
	return n
}

// endOf returns when an incident ended or was clear, or now.
func endOf(i *store.Incident, now int64) int64 {
	switch {
	case i.ClearAt.Valid:
		return i.ClearAt.Int64
	case i.ResolvedAt.Valid:
		return i.ResolvedAt.Int64
	}
	return now
}

// learn returns the rhythm of a host that shipped in these hours, oldest first, before the
// hour to. Hours of an outage of the receiver teach nothing.
//
// The rate of an hour is what the host shipped in it on the usual one of the days on which it
// shipped at all: a dead Tuesday does not make Tuesdays slow, nor does an outage in one of
// four. A weekday on which it never shipped is free. What the host has not seen yet is taken
// to be like the same hour of other days.
func learn(hours []store.ShippedHour, to int64, outages []span) (r store.Rhythm) {
	shipped := map[int64]bool{} // by day
	for _, h := range hours {
		shipped[h.Hour/24] = true
	}
	if r.Days = int64(len(shipped)); r.Days < learntDays {
		return r
	}
	var seen [store.Slots][]int64 // ships in the hours of each slot
	var hidden [store.Slots]bool  // by an outage
	var known [7]bool             // it has seen the end of such a day
	next := 0
	for hour := hours[0].Hour; hour < to; hour++ {
		slot := store.SlotOf(hour)
		n := int64(0)
		if next < len(hours) && hours[next].Hour == hour {
			n = hours[next].Ships
			next++
		}
		if overlaps(outages, hour*store.Hour, (hour+1)*store.Hour) {
			hidden[slot] = hidden[slot] || shipped[hour/24]
			continue
		}
		known[slot/24] = known[slot/24] || slot%24 == 23
		if shipped[hour/24] {
			seen[slot] = append(seen[slot], n)
		}
	}
	slow := isSlow(&seen)
	if !slow {
		hideCatchUps(&seen, &hidden, 2*shipsOfHours(hours, 95))
	}
	for slot := range r.Rates {
		r.Rates[slot] = usualRate(seen[slot], fastRate)
	}
	// guess gives what was not seen yet the rate of the same hour of other days.
	guess := func() {
		for slot := range r.Rates {
			if len(seen[slot]) == 0 && (hidden[slot] || !known[slot/24]) {
				r.Rates[slot] = meanOfDays(&r.Rates, &seen, slot%24)
			}
		}
	}
	guess()
	rests := restsOf(&r.Rates)
	if slow { // a few hours of some weeks tell too little
		everyHour := shipsOfHours(hours, 50) >= 2
		for slot := range r.Rates {
			if !everyHour || !rests[slot] {
				around := slices.Concat(seen[(slot+store.Slots-1)%store.Slots], seen[slot], seen[(slot+1)%store.Slots])
				r.Rates[slot] = usualRate(around, slowRate)
			}
		}
		guess()
	}
	limit := 2 * usualSilence(hours, &r.Rates, outages)
	if slices.Max(r.Rates[:]) >= fastRate && slices.Contains(rests[:], true) {
		limit *= 2 // the ends of its days vary
	}
	r.Limit = max(leastLimit, limit)
	return r
}

// hideCatchUps hides the hours in which a fast host shipped more than most, which is twice the ships
// of nearly every hour: it sent the backlog of an outage.
func hideCatchUps(seen *[store.Slots][]int64, hidden *[store.Slots]bool, most int64) {
	for slot := range seen {
		all := len(seen[slot])
		seen[slot] = slices.DeleteFunc(seen[slot], func(ships int64) bool { return ships > most })
		hidden[slot] = hidden[slot] || len(seen[slot]) < all
	}
}

// shipsOfHours returns the ships of the hour that so many percent of the hours with ships are below.
func shipsOfHours(hours []store.ShippedHour, percent int) int64 {
	ships := make([]int64, len(hours))
	for n, h := range hours {
		ships[n] = h.Ships
	}
	slices.Sort(ships)
	return ships[len(ships)*percent/100]
}

// isSlow reports whether a host ships less than fastRate on the average, over the hours that
// were seen.
func isSlow(seen *[store.Slots][]int64) bool {
	ships, hours := int64(0), int64(0)
	for _, list := range seen {
		for _, n := range list {
			ships += n
		}
		hours += int64(len(list))
	}
	return ships*1000 < hours*fastRate
}

// usualRate returns the rate of an hour, in thousandths, in which a host shipped these numbers.
// A fault only ever takes ships away, and what waited for its end comes in one hour. So the
// usual hour is the middle one, of two in the middle the greater. A slow host may ship in every
// third hour: if the middle is below least, the rate is the mean.
func usualRate(ships []int64, least int64) int64 {
	if len(ships) == 0 {
		return 0
	}
	sum := int64(0)
	for _, n := range ships {
		sum += n
	}
	mean := sum * 1000 / int64(len(ships))
	slices.Sort(ships)
	if middle := ships[len(ships)/2] * 1000; middle >= least {
		return middle
	}
	return mean
}

const (
	// fastRate is the rate, in thousandths of ships an hour, from which on a host ships in
	// every hour in which it works.
	fastRate = 4000
	// slowRate is the same for an hour and its neighbours.
	slowRate = 2000
)

// restsOf returns the hours of pauses of six hours or more, as an office has them at night.
func restsOf(rates *[store.Slots]int64) (rests [store.Slots]bool) {
	fastest := slices.Max(rates[:])
	pause := 0
	for n := range 2 * store.Slots {
		if pause++; rates[n%store.Slots] > fastest/100 {
			pause = 0
		}
		if pause == 6 {
			for before := n - 5; before < n; before++ {
				rests[before%store.Slots] = true
			}
		}
		if pause >= 6 {
			rests[n%store.Slots] = true
		}
	}
	return rests
}

// meanOfDays returns the mean rate of an hour of the day, over the weekdays that were seen.
func meanOfDays(rates *[store.Slots]int64, seen *[store.Slots][]int64, hour int) int64 {
	sum, n := int64(0), int64(0)
	for slot := hour; slot < store.Slots; slot += 24 {
		if len(seen[slot]) > 0 {
			sum, n = sum+rates[slot], n+1
		}
	}
	if n == 0 {
		return 0
	}
	return sum / n
}

// usualSilence returns what the longest silence of a day is worth on a usual day: one that
// a third of the days are below. Half of the days or more may have had a fault. A silence in
// which the host PUT in vain does not count, unless the host does so on most days.
func usualSilence(hours []store.ShippedHour, rates *[store.Slots]int64, outages []span) int64 {
	longest, silent := map[int64]int64{}, map[int64]int64{} // by day; silent has those without PUTs
	see := func(at, worth, vain int64) {
		day := at / (24 * store.Hour)
		longest[day] = max(longest[day], worth)
		if vain < leastVain || 4000*vain < worth {
			silent[day] = max(silent[day], worth)
		}
	}
	for i, h := range hours {
		if overlaps(outages, h.Hour*store.Hour, (h.Hour+1)*store.Hour) {
			continue
		}
		see(h.LastAt, rates[store.SlotOf(h.Hour)]*h.LongestGap/store.Hour, h.Vain)
		if i > 0 && !overlaps(outages, hours[i-1].LastAt, h.FirstAt) {
			see(h.FirstAt, worth(rates, hours[i-1].LastAt, h.FirstAt), h.Vain)
		}
	}
	if 2*len(silent) > len(longest) {
		longest = silent
	}
	if len(longest) == 0 {
		return 0
	}
	worths := slices.Sorted(maps.Values(longest))
	return worths[len(worths)/3]
}

// leastVain is the number of PUTs that were no ships from which on a host was not silent. One or
// two fail on any day.
const leastVain = 3

// worth returns how many ships, in thousandths, should have come from one time to another.
func worth(rates *[store.Slots]int64, from, to int64) (ships int64) {
	for hour := from / store.Hour; hour <= to/store.Hour; hour++ {
		start, end := max(from, hour*store.Hour), min(to, (hour+1)*store.Hour)
		ships += rates[store.SlotOf(hour)] * (end - start) / store.Hour
	}
	return ships
}

func overlaps(spans []span, from, to int64) bool {
	return slices.ContainsFunc(spans, func(s span) bool { return s.From < to && from < s.To })
}
