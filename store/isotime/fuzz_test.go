package isotime_test

import (
	"testing"
	"time"

	"github.com/cis490/fleet-health/store/isotime"
)

// FuzzParseTime compares Parse with package time. If both accept a text, the times are
// equal. A time that Parse accepts is the same after Format and Parse.
func FuzzParseTime(f *testing.F) {
	for _, seed := range []string{"2026-05-01T06:37:53.830599+00:00", "2026-05-01", "2026-05-01☃12", "2026-05-01 12:00Z", "2024-02-29T23:59:59,9999999-23:59:59",
		"9999-12-31T23:59:59.999999Z", "1970-01-01T00:00:00.000001Z", "2026-05-01T12:00:00.5+02"} {
		f.Add(seed)
	}
	layouts := []string{"2006-01-02T15:04:05.999999999Z07:00", "2006-01-02T15:04Z07:00", "2006-01-02 15:04:05.999999999-07:00:00", "2006-01-02T15:04:05-07", "2006-01-02T15", "2006-01-02"}
	f.Fuzz(func(t *testing.T, text string) {
		at, ok := isotime.Parse(text)
		if bytes, same := isotime.Parse([]byte(text)); bytes != at || same != ok {
			t.Fatalf("%q is %d, %v; of its bytes it is %d, %v", text, at, ok, bytes, same)
		}
		if !ok {
			return
		}
		if at <= 0 || at > isotime.Max {
			t.Fatalf("%q is %d", text, at)
		}
		if back, ok := isotime.Parse(isotime.Format(at)); !ok || back != at {
			t.Fatalf("%q is %d, written %s, and read %d, %v", text, at, isotime.Format(at), back, ok)
		}
		for _, layout := range layouts {
			if want, err := time.Parse(layout, text); err == nil && want.UnixMicro() != at {
				t.Fatalf("%q is %d, and package time says %d", text, at, want.UnixMicro())
			}
		}
	})
}
