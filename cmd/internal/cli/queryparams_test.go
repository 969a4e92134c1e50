package cli

import "testing"

func TestNumbersAreWrittenAsSQLiteWritesThem(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]any{
		"0": int64(0), "-7": int64(-7), "9223372036854775807": int64(9223372036854775807), "1.5": 1.5, "-0.25": -0.25, "2.0": 2.0,
	} {
		if got := number(text); got != want {
			t.Errorf("%q is %v (%T), want %v (%T)", text, got, got, want, want)
		}
	}
	// Each of these would be written otherwise as a number.
	for _, text := range []string{"", "007", "+1", "1.50", "1e5", "0x10", "-0", "1_000", " 1", ".5", "5.", "Inf", "NaN", "9223372036854775808",
		"10.0.0.1", "2026-05-01", "1٠"} {
		if got := number(text); got != text {
			t.Errorf("%q is %v (%T), want text", text, got, got)
		}
	}
}
