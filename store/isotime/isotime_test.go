package isotime_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cis490/fleet-health/store/isotime"
)

const (
	second = 1_000_000
	hour   = 3600 * second
	noon   = 1777636800 * second // 2026-05-01T12:00:00Z
)

func TestParse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"2026-05-01T12:00:00+00:00":        noon,
		"2026-05-01T12:00:00Z":             noon,
		"2026-05-01T12:00:00":              noon, // without an offset it is UTC
		"2026-05-01 12:00:00+00:00":        noon,
		"2026-05-01☃12:00:00+00:00":        noon,
		"2026-05-01T12:00":                 noon,
		"2026-05-01T12":                    noon,
		"2026-05-01":                       noon - 12*hour,
		"2026-05-01T14:00:00+02:00":        noon,
		"2026-05-01T06:30:00-05:30":        noon,
		"2026-05-01T12:00:30+00:00:30":     noon,
		"2026-05-01T14+02":                 noon,
		"2026-05-01T12:00:00.5+00:00":      noon + second/2,
		"2026-05-01T12:00:00,000001+00:00": noon + 1,
		"2026-05-01T12:00:00.0000019Z":     noon + 1, // digits past the microsecond are cut off
		"20260501T120000Z":                 noon,
		"2026-05-01T120000+0000":           noon,
		"2026-05-01T17:30:00+0530":         noon,
		"20260501 04-08":                   noon,
		"2026-W18-5T12:00:00+00:00":        noon,
		"2026W185T120000,5Z":               noon + second/2,
		"2026W18":                          noon - 108*hour, // its Monday
		"2026-05-01T12:00:00.Z":            noon,
		"2026-05-01T12:00:00 Z":            noon,
		"2026-05-01T12:00:00 +00:00":       noon,
		"2026-05-01T12:00:30.5+00:00:30.5": noon,
		"2024-02-29T00:00:00Z":             1709164800 * second,
		"2000-02-29T00:00:00Z":             951782400 * second,
		"1970-01-01T00:00:00.000001Z":      1,
		"9999-12-31T23:59:59.999999Z":      isotime.Max,
	} {
		if got, ok := isotime.Parse(text); !ok || got != want {
			t.Errorf("Parse(%q) is %d, %v; want %d", text, got, ok, want)
		}
		if got, ok := isotime.Parse([]byte(text)); !ok || got != want {
			t.Errorf("Parse of the bytes %q is %d, %v; want %d", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "2026", "2026-05", "2026-W54", "2026-W18-8", "2026-0501", "2026-5-1", "2026-13-01", "2026-00-01", "2026-05-00",
		"2026-04-31", "2026-02-29", "1900-02-29", "2100-02-29T00:00:00Z", "2026-05-01T", "2026-05-01T24:00:00Z", "2026-05-01T12:60:00Z",
		"2026-05-01T12:00:60Z", "2026-05-01T1:00:00Z", "2026-05-01T12:00:00.", "2026-05-01T12:00:00z", "2026-05-01T12:00:00  Z",
		"2026-05-01T12:00:00+24:00", "2026-05-01T12:00:00+", "2026-05-01T12:00:00+0000x", "2026-05-01T12:00:00Z ", " 2026-05-01T12:00:00Z",
		"2026-05-01T12:00:00ZZ", "-026-05-01", "+2026-05-01", "0000-01-01T00:00:00Z", "1969-12-31T23:59:59Z",
		"1970-01-01T00:00:00Z", "1970-01-01T00:30:00+01:00", "9999-12-31T23:59:59-00:01", "yesterday", "٢٠٢٦-٠٥-٠١"} {
		if got, ok := isotime.Parse(text); ok {
			t.Errorf("Parse(%q) is %d, want none", text, got)
		}
	}
}

// TestParseAgreesWithTheStandardLibrary writes random times in random forms, half of them
// with a changed letter, and reads them both ways.
func TestParseAgreesWithTheStandardLibrary(t *testing.T) {
	t.Parallel()
	const seconds = "2006-01-02T15:04:05"
	layouts := []string{seconds + ".000000Z07:00", seconds + ".000000-07:00", seconds + "Z07:00", seconds + ".000-07:00", seconds + ".000000000-07:00", seconds + "-07:00:00"}
	r := rand.New(rand.NewPCG(4, 1))
	both, neither := 0, 0
	for range 40_000 {
		zone := time.FixedZone("", r.IntN(2*86399)-86399)
		if r.IntN(2) == 0 {
			zone = time.FixedZone("", (r.IntN(48)-24)*1800)
		}
		if r.IntN(4) == 0 {
			zone = time.UTC
		}
		layout := layouts[r.IntN(len(layouts))]
		text := time.UnixMicro(1 + r.Int64N(isotime.Max)).In(zone).Format(layout)
		if r.IntN(2) == 0 {
			changed := []byte(text)
			changed[r.IntN(len(changed))] = "0123456789-+:.TZ "[r.IntN(17)]
			text = string(changed)
		}
		want, err := time.Parse(layout, text)
		if err != nil || want.Format(layout) != text {
			neither++
			continue // each accepts odd forms that the other rejects
		}
		at := want.UnixMicro()
		_, offset := want.Zone()
		got, ok := isotime.Parse(text)
		if good := at > 0 && at <= isotime.Max && offset > -86400 && offset < 86400; ok != good || ok && got != at {
			t.Fatalf("Parse(%q) is %d, %v; time.Parse says %d", text, got, ok, at)
		}
		both++
	}
	if both < 10_000 || neither < 10_000 {
		t.Errorf("%d texts were compared, %d were no such times: too few", both, neither)
	}
}

func TestFormatIsReadBack(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 1))
	for range 10_000 {
		at := 1 + r.Int64N(isotime.Max)
		if back, ok := isotime.Parse(isotime.Format(at)); !ok || back != at {
			t.Fatalf("%d is written %s and read %d, %v", at, isotime.Format(at), back, ok)
		}
	}
	if got, want := isotime.Format(noon), "2026-05-01T12:00:00.000000+00:00"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := isotime.Format(0), "1970-01-01T00:00:00.000000+00:00"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
