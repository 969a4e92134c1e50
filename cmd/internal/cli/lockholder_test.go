package cli

import "testing"

// TestTheHolderIsFound tests lines with locks of other kinds and of other files.
func TestTheHolderIsFound(t *testing.T) {
	t.Parallel()
	const file = "08:01:77"
	for name, c := range map[string]struct{ locks, want string }{
		"nothing":                      {"", ""},
		"a shared one":                 {"1: FLOCK  ADVISORY  READ 12 08:01:77 0 EOF\n", "12"},
		"behind one that waits":        {"1: -> FLOCK  ADVISORY  WRITE 11 08:01:77 0 EOF\n2: FLOCK  ADVISORY  WRITE 12 08:01:77 0 EOF\n", "12"},
		"another kind":                 {"1: POSIX  ADVISORY  WRITE 12 08:01:77 0 EOF\n", ""},
		"another file":                 {"1: FLOCK  ADVISORY  WRITE 12 08:01:770 0 EOF\n", ""},
		"another disk":                 {"1: FLOCK  ADVISORY  WRITE 12 08:02:77 0 EOF\n", ""},
		"a process of another machine": {"1: FLOCK  ADVISORY  WRITE -1 08:01:77 0 EOF\n2: FLOCK  ADVISORY  WRITE 0 08:01:77 0 EOF\n", ""},
		"half a line":                  {"1: FLOCK  ADV", ""},
	} {
		if got := lockedBy(c.locks, file); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
