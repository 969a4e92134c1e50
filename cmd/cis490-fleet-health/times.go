package main

import (
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/cis490/fleet-health/report"
	"github.com/cis490/fleet-health/store"
)

// lengths of time that --since and --until take.
var (
	lengthPattern = regexp.MustCompile(`^(\d{1,9})([smhdw])`)
	lengthUnits   = map[string]int64{"s": store.Second, "m": store.Minute, "h": store.Hour, "d": 24 * store.Hour, "w": 7 * 24 * store.Hour}
)

// timeForms are the times without a zone that are understood, beside RFC 3339.
var timeForms = []string{"2006-01-02", "2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02T15:04:05", "2006-01-02 15:04:05"}

// parseTime reads a time as a person gives it, in microseconds: so long before
// now (90m, 24h, 7d, 1d12h), a date or time in zone, RFC 3339, or now.
func parseTime(text string, now time.Time, zone *time.Location) (int64, error) {
	if text == "now" {
		return now.UnixMicro(), nil
	}
	if ago, ok := parseLength(text); ok {
		return max(now.UnixMicro()-ago, 0), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	for _, form := range timeForms {
		if err == nil {
			break
		}
		if t, err = time.Parse(form, text); err == nil {
			t = report.Reaches(t, zone)
		}
	}
	if err != nil || t.UnixMicro() < 0 || t.UnixMicro() > store.MaxTime {
		return 0, fmt.Errorf("%w: %q is no time: say how long ago (90m, 24h, 7d), a date (2026-05-01), or RFC 3339 (2026-05-01T06:37:53Z)", errUsage, text)
	}
	return t.UnixMicro(), nil
}

// parseLength reads a length of time in microseconds: 90m, 24h, 7d, 1d12h.
func parseLength(text string) (us int64, ok bool) {
	for text != "" {
		m := lengthPattern.FindStringSubmatch(text)
		if m == nil {
			return 0, false
		}
		n, err := strconv.ParseInt(m[1], 10, 64)
		if err != nil || n > store.MaxTime/lengthUnits[m[2]] {
			return 0, false
		}
		us, text, ok = us+n*lengthUnits[m[2]], text[len(m[0]):], us < store.MaxTime
	}
	return us, ok
}
