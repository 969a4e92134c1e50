package cli

import "testing"

func TestParseSize(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{"0": 0, "16777216": 16 << 20, "16MiB": 16 << 20, "16M": 16 << 20, "16mb": 16 << 20, " 2 GiB ": 2 << 30,
		"1.5g": 3 << 29, "0.5TiB": 1 << 39, "512 KiB": 512 << 10, "7B": 7,
		"": -1, "GiB": -1, "-1": -1, "1e3": -1, "2GiBs": -1, "inf": -1, "NaN": -1, "1_000": -1, "9999999T": -1, "1.2.3": -1, "0x10": -1} {
		if got, ok := parseSize(text); ok != (want >= 0) || ok && got != want {
			t.Errorf("%q is %d, %t; want %d", text, got, ok, want)
		}
	}
}
