package report

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestDaysStartAtMidnight: a day whose midnight the clocks skip started an hour early, and
// a day that the calendar skips stopped the loop.
func TestDaysStartAtMidnight(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ zone, from, to, want string }{
		{"America/Sao_Paulo", "2017-10-14T12:00:00Z", "2017-10-17T00:00:00Z", "14 00:00, 15 01:00, 16 00:00"},
		{"America/Sao_Paulo", "2018-02-17T12:00:00Z", "2018-02-19T12:00:00Z", "17 00:00, 18 00:00, 19 00:00"},
		{"Asia/Beirut", "2022-03-26T12:00:00Z", "2022-03-28T12:00:00Z", "26 00:00, 27 01:00, 28 00:00"},
		{"Africa/Cairo", "2023-04-27T12:00:00Z", "2023-04-29T12:00:00Z", "27 00:00, 28 01:00, 29 00:00"},
		{"America/Havana", "2023-11-04T12:00:00Z", "2023-11-06T12:00:00Z", "04 00:00, 05 00:00, 06 00:00"},
		{"Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z", "28 00:00, 29 00:00, 30 00:00"}, // 23 hours
		{"Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z", "24 00:00, 25 00:00, 26 00:00"}, // 25 hours
		{"Pacific/Apia", "2011-12-29T20:00:00Z", "2012-01-01T12:00:00Z", "29 00:00, 31 00:00, 01 00:00, 02 00:00"},
		{"America/St_Johns", "2010-11-06T12:00:00Z", "2010-11-08T12:00:00Z", "05 23:30, 06 23:30, 07 23:30"}, // the hour of UTC
		{"UTC", "2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z", "24 00:00, 25 00:00, 26 00:00"},
	} {
		zone, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Skip(err)
		}
		at := func(text string) int64 {
			at, err := time.Parse(time.RFC3339, text)
			if err != nil {
				t.Fatal(err)
			}
			return at.UnixMicro()
		}
		b, err := Window{at(c.from), at(c.to)}.Buckets("1d", zone, 0)
		if err != nil {
			t.Fatal(err)
		}
		var begins []string
		for _, bound := range b.Bounds[:len(b.Bounds)-1] {
			begins = append(begins, time.UnixMicro(bound).In(zone).Format("02 15:04"))
		}
		if got := strings.Join(begins, ", "); got != c.want {
			t.Errorf("%s from %s: days begin at %s, want %s", c.zone, c.from, got, c.want)
		}
	}
}

// TestEveryZonesDaysFollowOneAnother cuts years into days, in zones with unusual clock
// changes.
func TestEveryZonesDaysFollowOneAnother(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"America/Sao_Paulo", "Asia/Beirut", "Africa/Cairo", "Pacific/Apia", "America/St_Johns", "Asia/Gaza", "Asia/Tehran", "Africa/Casablanca",
		"Antarctica/Troll", "Australia/Lord_Howe", "Pacific/Kwajalein", "America/Asuncion", "Asia/Amman", "Europe/Dublin", "UTC"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Skip(err)
		}
		w := Window{time.Date(1990, 1, 1, 12, 0, 0, 0, time.UTC).UnixMicro(), time.Date(2027, 1, 1, 12, 0, 0, 0, time.UTC).UnixMicro()}
		b, err := w.Buckets("1d", zone, 0)
		if err != nil {
			t.Fatal(err)
		}
		if b.Bounds[0] > w.Since {
			t.Errorf("%s: the first day begins after the window", name)
		}
		for i, bound := range b.Bounds[1 : len(b.Bounds)-1] {
			day := time.UnixMicro(bound).In(zone)
			if hours := time.UnixMicro(bound).Sub(time.UnixMicro(b.Bounds[i])).Hours(); hours < 22 || hours > 26 {
				t.Errorf("%s: the day before %s has %v hours", name, day, hours)
			}
			if clock := fmt.Sprintf("%02d:%02d", day.Hour(), day.Minute()); clock > "01:00" && clock < "23:00" {
				t.Errorf("%s: a day begins at %s", name, day)
			}
		}
	}
}
