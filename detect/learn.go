package detect

import (
	"fmt"
	"slices"

	"github.com/cis490/fleet-health/store"
)

// learntDays is the number of days with ships that a rhythm needs.
const learntDays = 3

// leastLimit is the least silence, in thousandths of ships, that is not normal.
const leastLimit = 3000

// span is a time from From to To, in microseconds.
type span struct {
	From int64 `db:"began_at"`
	To   int64 `db:"to_at"`
}

// Learn learns the rhythms of the hosts whose turn it is, from the rollups of 28 days.
func Learn(tx *store.Tx, now int64) error {
	due, err := tx.DueToLearn(now)
	if err != nil || len(due) == 0 {
		return err
	}
	outages, err := tx.Outages(now-store.LearnFrom, now)
	if err != nil {
		return err
	}
	var spans []span
	for _, i := range outages {
		spans = append(spans, span{i.BeganAt, endOf(&i, now)})
	}
	rhythms := make([]store.Rhythm, len(due))
	for i, id := range due {
		hours, err := tx.ShippedHours(id, (now-store.LearnFrom)/store.Hour, now/store.Hour)
		if err != nil {
			return fmt.Errorf("learn: %w", err)
		}
		rhythms[i] = learn(hours, now/store.Hour, spans)
		rhythms[i].HostID, rhythms[i].LearntAt = id, now
	}
	return tx.SaveRhythms(rhythms)
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
// A rate is the mean over the days on which the host shipped: a dead Tuesday does not make
// Tuesdays slow. A weekday on which it never shipped is free. A weekday that the host has not
// seen yet is taken to be like the others.
func learn(hours []store.ShippedHour, to int64, outages []span) (r store.Rhythm) {
	shipped := map[int64]bool{} // by day
	for _, h := range hours {
		shipped[h.Hour/24] = true
	}
	if r.Days = int64(len(shipped)); r.Days < learntDays {
		return r
	}
	var seen, ships [store.Slots]int64
	var known [7]bool
	next := 0
	for hour := hours[0].Hour; hour < to; hour++ {
		slot := store.SlotOf(hour)
		n := int64(0)
		if next < len(hours) && hours[next].Hour == hour {
			n = hours[next].Ships
			next++
		}
		if overlaps(outages, hour*store.Hour, (hour+1)*store.Hour) {
			continue
		}
		known[slot/24] = known[slot/24] || slot%24 == 23 // it has seen the end of such a day
		if shipped[hour/24] {
			seen[slot]++
			ships[slot] += n
		}
	}
	for slot := range r.Rates {
		if seen[slot] > 0 {
			r.Rates[slot] = ships[slot] * 1000 / seen[slot]
		}
	}
	for slot := range r.Rates {
		if seen[slot] == 0 && !known[slot/24] {
			r.Rates[slot] = meanOfDays(&r.Rates, &seen, slot%24)
		}
	}
	r.Limit = max(leastLimit, 2*usualSilence(hours, &r.Rates, outages))
	return r
}

// meanOfDays returns the mean rate of an hour of the day, over the weekdays that were seen.
func meanOfDays(rates, seen *[store.Slots]int64, hour int) int64 {
	sum, n := int64(0), int64(0)
	for slot := hour; slot < store.Slots; slot += 24 {
		if seen[slot] > 0 {
			sum, n = sum+rates[slot], n+1
		}
	}
	if n == 0 {
		return 0
	}
	return sum / n
}

// usualSilence returns what the longest silence of a day is worth on a usual day: one that
// a third of the days are below. Half of the days or more may have had a fault.
func usualSilence(hours []store.ShippedHour, rates *[store.Slots]int64, outages []span) int64 {
	longest := map[int64]int64{} // by day
	see := func(at, worth int64) { longest[at/(24*store.Hour)] = max(longest[at/(24*store.Hour)], worth) }
	for i, h := range hours {
		if overlaps(outages, h.Hour*store.Hour, (h.Hour+1)*store.Hour) {
			continue
		}
		see(h.LastAt, rates[store.SlotOf(h.Hour)]*h.LongestGap/store.Hour)
		if i > 0 && !overlaps(outages, hours[i-1].LastAt, h.FirstAt) {
			see(h.FirstAt, worth(rates, hours[i-1].LastAt, h.FirstAt))
		}
	}
	var worths []int64
	for _, w := range longest {
		worths = append(worths, w)
	}
	if len(worths) == 0 {
		return 0
	}
	slices.Sort(worths)
	return worths[len(worths)/3]
}

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
