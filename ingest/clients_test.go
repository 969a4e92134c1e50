package ingest

import "testing"

func TestClientAddress(t *testing.T) {
	t.Parallel()
	const put = `"PUT /v1/episodes/a/e HTTP/1.1" 200 OK`
	for before, want := range map[string]string{
		"INFO:     10.0.0.5:41000 - ":                "10.0.0.5",
		"\x1b[32mINFO\x1b[0m:     10.0.0.5:41000 - ": "10.0.0.5",
		"10.0.0.5:1 - ":                              "10.0.0.5",
		"INFO:     fd00::5:41000 - ":                 "fd00::5",
		"INFO:     [fd00::5]:41000 - ":               "fd00::5",
		"INFO:     ::ffff:10.0.0.5:41000 - ":         "10.0.0.5",
		"INFO:     fe80::5%eth0:41000 - ":            "fe80::5",
		"INFO:     testclient:50000 - ":              "",
		"INFO:     10.0.0.500:41000 - ":              "",
		"INFO:     \u202e10.0.0.5:41000 - ":          "",
		"INFO:      - ":                              "",
		"INFO:     10.0.0.5 - ":                      "",
		"":                                           "",
	} {
		var r messageReader
		r.message(origin{pid: []byte("77")}, []byte(before+put), false, func(f outcome) {
			if got := clientAddress(f.client); got != want {
				t.Errorf("the address of %q is %q, want %q", before, got, want)
			}
		})
	}
}
