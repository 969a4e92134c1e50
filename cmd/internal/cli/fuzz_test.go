package cli

import (
	"errors"
	"testing"
	"time"

	"github.com/cis490/fleet-health/store"
)

// FuzzTime parses arbitrary text as a typed time. An accepted time is one that the
// database can hold, and parses to the same time as RFC 3339. A length of time counts
// back from now.
func FuzzTime(f *testing.F) {
	for _, seed := range []string{"now", "90m", "1d12h", "999999999w", "2026-05-01", "2026-05-01 06:37", "2026-05-01T06:37:53Z", "2026-10-25 02:30:00", "0s", "9999-12-31T23:59:59-12:00", "\u0775"} {
		f.Add(seed)
	}
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at, err := parseTime(text, demoNow, zone)
		if err != nil {
			if !errors.Is(err, errUsage) { // sayError escapes it
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		if at < 0 || at > store.MaxTime {
			t.Fatalf("%q is %d", text, at)
		}
		if again, err := parseTime(time.UnixMicro(at).UTC().Format(time.RFC3339Nano), demoNow, time.UTC); err != nil || again != at {
			t.Fatalf("%q is %d, and as RFC 3339 %d, %v", text, at, again, err)
		}
		if length, ok := parseLength(text); ok {
			if more, ok := parseLength("1s" + text); length < 0 || ok && more != length+store.Second {
				t.Fatalf("%q is %d long, and a second more %d", text, length, more)
			}
		}
	})
}
