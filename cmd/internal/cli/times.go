package cli

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/cis490/fleet-health/report"
	"github.com/cis490/fleet-health/store"
)

// Times and lengths of time have the forms of journalctl: systemd.time(7).
var (
	lengthPattern = regexp.MustCompile(`^(\d{1,9}(?:\.\d{1,6})?) *([A-Za-z]+) *`)
	lengthUnits   = map[string]int64{}
	weekday       = regexp.MustCompile(`^(?i:mon|tue|wed|thu|fri|sat|sun)[a-z]* +`)
)

func init() {
	for names, unit := range map[string]int64{
		"s sec second seconds": store.Second, "m min minute minutes": store.Minute, "h hr hour hours": store.Hour,
		"d day days": 24 * store.Hour, "w week weeks": 7 * 24 * store.Hour,
		"M month months": 2629800 * store.Second, "y year years": 31557600 * store.Second,
	} {
		for name := range strings.FieldsSeq(names) {
			lengthUnits[name] = unit
		}
	}
}

// Forms of dates and of times of day. A fraction may follow the seconds.
const dateForm = "2006-01-02"

var clockForms = []string{"15:04", "15:04:05"}

const timeHelp = "say how long ago (90m, -24h, 7d), a day (2026-05-01, yesterday), a time (2026-05-01 10:00), or RFC 3339 (2026-05-01T06:37:53Z)"

// parseTime parses a typed time to microseconds: a length of time before now (90m, 1d12h,
// -2h, 2 hours ago), now, today, yesterday, tomorrow, a date, a time of day with or
// without a date, seconds since 1970 (@1777629473), or RFC 3339. Dates are in zone.
func parseTime(text string, now time.Time, zone *time.Location) (int64, error) {
	at, ok := parseMoment(strings.TrimSpace(text), now, zone)
	if !ok || at > store.MaxTime {
		return 0, fmt.Errorf("%w: %q is not a time: %s", errUsage, text, timeHelp)
	}
	return at, nil
}

// parseMoment is parseTime without the error.
func parseMoment(text string, now time.Time, zone *time.Location) (at int64, ok bool) {
	if offset, ok := parseOffset(text); ok {
		return max(now.UnixMicro()+offset, 0), true
	}
	if days, ok := map[string]int{"yesterday": -1, "today": 0, "tomorrow": 1}[text]; ok {
		return max(report.Midnight(now.In(zone), days).UnixMicro(), 0), true
	}
	if epoch, ok := strings.CutPrefix(text, "@"); ok {
		seconds, err := strconv.ParseFloat(epoch, 64)
		return int64(seconds * float64(store.Second)), err == nil && seconds >= 0 && seconds <= float64(store.MaxTime/store.Second)
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t, ok = parseWall(text, now, zone)
		return t.UnixMicro(), ok && t.UnixMicro() >= 0
	}
	return t.UnixMicro(), t.UnixMicro() >= 0
}

// parseOffset parses now, or a distance from now, to microseconds.
func parseOffset(text string) (us int64, ok bool) {
	if text == "now" {
		return 0, true
	}
	if rest, ahead := strings.CutPrefix(text, "+"); ahead {
		return parseLength(rest)
	}
	text, _ = strings.CutPrefix(text, "-")
	text, _ = strings.CutSuffix(text, " ago")
	us, ok = parseLength(text)
	return -us, ok
}

// parseWall parses the time that clocks in a zone show: a date, a time of day, or both.
func parseWall(text string, now time.Time, zone *time.Location) (t time.Time, ok bool) {
	text = weekday.ReplaceAllString(text, "")
	if rest, utc := strings.CutSuffix(text, " UTC"); utc {
		text, zone = rest, time.UTC
	}
	if wall, err := time.Parse(dateForm, text); err == nil {
		return report.Reaches(wall, zone), true
	}
	for _, clock := range clockForms {
		for _, form := range []string{dateForm + " " + clock, dateForm + "T" + clock} {
			if wall, err := time.Parse(form, text); err == nil {
				return report.Reaches(wall, zone), true
			}
		}
		if wall, err := time.Parse(dateForm+" "+clock, now.In(zone).Format(dateForm)+" "+text); err == nil {
			return report.Reaches(wall, zone), true
		}
	}
	return t, false
}

// parseLength parses a length of time to microseconds: 90m, 24h, 7d, 1d12h, 1.5 hours.
func parseLength(text string) (us int64, ok bool) {
	for text != "" {
		m := lengthPattern.FindStringSubmatch(text)
		if m == nil || lengthUnits[m[2]] == 0 {
			return 0, false
		}
		unit := lengthUnits[m[2]]
		n, err := strconv.ParseFloat(m[1], 64)
		if err != nil || n > float64(store.MaxTime/unit) {
			return 0, false
		}
		us, text, ok = us+int64(n*float64(unit)), text[len(m[0]):], us < store.MaxTime
	}
	return us, ok
}
