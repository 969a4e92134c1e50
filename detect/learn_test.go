package detect

import (
	"testing"

	"github.com/cis490/fleet-health/store"
)

// monday is the hour 00:00 UTC of Monday 2026-05-04.
const monday = int64(1777852800 / 3600)

// hoursOf returns the hours from one to before another in which a host ships n times, evenly.
func hoursOf(from, to int64, n func(hour int64) int64) (hours []store.ShippedHour) {
	for hour := from; hour < to; hour++ {
		if ships := n(hour); ships > 0 {
			gap := store.Hour / ships
			hours = append(hours, store.ShippedHour{Hour: hour, Ships: ships, FirstAt: hour * store.Hour,
				LastAt: hour*store.Hour + gap*(ships-1), LongestGap: min(gap, gap*(ships-1))})
		}
	}
	return hours
}

// pauses returns the hours of four weeks of a host that does not ship in one hour of each day, in
// another one each day. It PUTs in vain so many times in each hour, and in the one after its pause.
func pauses(vain, afterPause int64) []store.ShippedHour {
	hours := hoursOf(monday, monday+4*168, func(hour int64) int64 {
		if hour%24 == 8+hour/24%5 {
			return 0
		}
		return 60
	})
	for n := range hours {
		hours[n].Vain = vain
		if n > 0 && hours[n].Hour > hours[n-1].Hour+1 {
			hours[n].Vain = afterPause
		}
	}
	return hours
}

func TestLearn(t *testing.T) {
	t.Parallel()
	always := func(int64) int64 { return 60 }
	office := func(hour int64) int64 {
		if slot := store.SlotOf(hour); slot < 5*24 && slot%24 >= 8 && slot%24 < 17 {
			return 30
		}
		return 0
	}
	outage := span{(monday + 30) * store.Hour, (monday + 34) * store.Hour}
	for _, c := range []struct {
		name    string
		hours   []store.ShippedHour
		to      int64
		outages []span
		rates   map[int64]int64 // by slot
		limit   int64
		days    int64
	}{
		{"two days teach nothing", hoursOf(monday, monday+48, always), monday + 48, nil, map[int64]int64{3: 0}, 0, 2},
		{"a host that ships each minute may be silent for three ships", hoursOf(monday, monday+168, always), monday + 168, nil,
			map[int64]int64{0: 60_000, 167: 60_000}, leastLimit, 7},
		{"nights and weekends of an office are free", hoursOf(monday, monday+3*168, office), monday + 3*168, nil,
			map[int64]int64{8: 30_000, 7: 0, 17: 0, 5*24 + 10: 0}, 4000, 15},
		{"and so are those of a host that ships twice an hour", hoursOf(monday, monday+3*168, func(hour int64) int64 {
			return min(2, office(hour))
		}), monday + 3*168, nil, map[int64]int64{8: 2_000, 7: 0, 17: 0, 5*24 + 10: 0}, leastLimit, 15},
		{"a dead Tuesday does not make Tuesdays slow", hoursOf(monday, monday+2*168, func(hour int64) int64 {
			if hour >= monday+24 && hour < monday+48 {
				return 0
			}
			return 60
		}), monday + 2*168, nil, map[int64]int64{30: 60_000}, leastLimit, 13},
		{"a weekday that was not seen yet is like the others", hoursOf(monday, monday+4*24, always), monday + 4*24, nil,
			map[int64]int64{6*24 + 3: 60_000}, leastLimit, 4},
		{"an outage of the receiver teaches nothing", hoursOf(monday, monday+168, func(hour int64) int64 {
			if hour >= monday+30 && hour < monday+34 {
				return 0
			}
			return 60
		}), monday + 168, []span{outage}, map[int64]int64{29: 60_000, 30: 60_000, 33: 60_000}, leastLimit, 7},
		{"the hour of an outage is learnt from other weeks", hoursOf(monday, monday+2*168, func(hour int64) int64 {
			if hour >= monday+30 && hour < monday+34 {
				return 0
			}
			return 60
		}), monday + 2*168, []span{outage}, map[int64]int64{30: 60_000, 33: 60_000}, leastLimit, 14},
		{"a host that pauses each day for an hour may be silent for two", hoursOf(monday, monday+168, func(hour int64) int64 {
			if hour%24 == 12 {
				return 1 // at the start of the hour
			}
			return 60
		}), monday + 168, nil, map[int64]int64{12: 1_000}, leastLimit, 7},
		{"a host that pauses for an hour of each day may do so", pauses(0, 0), monday + 4*168, nil, nil, 122_000, 28},
		{"a few PUTs in vain are no trouble", pauses(0, 9), monday + 4*168, nil, nil, 122_000, 28},
		{"a host that PUTs in vain is not silent", pauses(0, 60), monday + 4*168, nil, nil, leastLimit, 28},
		{"unless it always does", pauses(60, 120), monday + 4*168, nil, nil, 122_000, 28},
		{"what waits for the end of an outage is not the rate of its hour", hoursOf(monday, monday+2*168, func(hour int64) int64 {
			switch {
			case hour >= monday+30 && hour < monday+34:
				return 0
			case hour == monday+34:
				return 14
			}
			return 3
		}), monday + 2*168, nil, map[int64]int64{29: 3_000, 34: 3_000, 35: 3_000}, leastLimit, 14},
		{"nor is it that of an evening in which an office was seen twice", hoursOf(monday, monday+2*168, func(hour int64) int64 {
			if hour == monday+18 {
				return 157
			}
			return office(hour)
		}), monday + 2*168, nil, map[int64]int64{16: 30_000, 18: 0}, 4000, 10},
		{"a host that ships in every third hour has a third of a ship in each", hoursOf(monday, monday+4*168, func(hour int64) int64 {
			return min(1, (hour+1)%3%2)
		}), monday + 4*168, nil, map[int64]int64{5: 333, 6: 333, 7: 333}, leastLimit, 28},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := learn(c.hours, c.to, c.outages)
			if r.Limit != c.limit || r.Days != c.days {
				t.Errorf("the limit is %d and the days %d, want %d and %d", r.Limit, r.Days, c.limit, c.days)
			}
			for slot, rate := range c.rates {
				if r.Rates[slot] != rate {
					t.Errorf("slot %d has rate %d, want %d", slot, r.Rates[slot], rate)
				}
			}
		})
	}
}

func TestTelling(t *testing.T) {
	t.Parallel()
	asgi := store.ReceiverWord{Kind: store.KindError, Text: "Exception in ASGI application", Count: 52}
	disk := store.ReceiverWord{Kind: store.KindTraceback, Text: "OSError: [Errno 28] No space left on device", Count: 52}
	rare := store.ReceiverWord{Kind: store.KindTraceback, Text: "ValueError", Count: 3}
	for name, c := range map[string]struct {
		words []store.ReceiverWord
		want  string
	}{
		"nothing is said": {nil, ""},
		"the reason tells more than the line before it":     {[]store.ReceiverWord{asgi, disk}, disk.Text},
		"a traceback that came now and then is no reason":   {[]store.ReceiverWord{asgi, rare}, asgi.Text},
		"of several tracebacks the most frequent one tells": {[]store.ReceiverWord{disk, asgi, rare}, disk.Text},
	} {
		if word, ok := telling(c.words); word.Text != c.want || ok != (c.want != "") {
			t.Errorf("%s: got %q, %t", name, word.Text, ok)
		}
	}
}
