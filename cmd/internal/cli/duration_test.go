package cli

import (
	"testing"

	"github.com/cis490/fleet-health/store"
)

// TestDuration: a trouble that only one pass had found was "RESOLVED …: after ", and one from
// before the clock went back lasted "-1h0m".
func TestDuration(t *testing.T) {
	t.Parallel()
	for d, want := range map[int64]string{0: "1m", -store.Hour: "1m", 20 * store.Second: "1m", 10 * store.Minute: "10m", 95 * store.Minute: "1h35m", 30 * store.Hour: "30h0m"} {
		if got := duration(d); got != want {
			t.Errorf("%d µs are %q, want %q", d, got, want)
		}
	}
}
