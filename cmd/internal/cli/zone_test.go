package cli

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
	"time"
)

// TestTimeZonesAreReadOrRefused: Go takes a TZ that it does not understand for UTC.
func TestTimeZonesAreReadOrRefused(t *testing.T) {
	t.Parallel()
	for tz, want := range map[string]string{ // the clocks' times on 2026-01-15 and 2026-07-15 at noon, UTC
		"Europe/Berlin":                        "13:00 CET, 14:00 CEST",
		":Europe/Berlin":                       "13:00 CET, 14:00 CEST",
		"/usr/share/zoneinfo/Europe/Berlin":    "13:00 CET, 14:00 CEST",
		":/usr/share/zoneinfo/Asia/Kolkata":    "17:30 IST, 17:30 IST",
		"CET-1CEST,M3.5.0,M10.5.0/3":           "13:00 CET, 14:00 CEST",
		"EST5EDT":                              "07:00 EST, 08:00 EDT",
		"XST5XDT":                              "07:00 XST, 08:00 XDT",
		"EST5EDT4,M3.2.0/2:00:00,M11.1.0/2":    "07:00 EST, 08:00 EDT",
		"<+05>-5":                              "17:00 +05, 17:00 +05",
		"<-0330>3:30":                          "08:30 -0330, 08:30 -0330",
		"NZST-12NZDT,M9.5.0,M4.1.0/3":          "01:00 NZDT, 00:00 NZST",
		"IST-1GMT0,M10.5.0,M3.5.0/1":           "12:00 GMT, 13:00 IST",
		"<+1030>-10:30<+11>-11,M10.1.0,M4.1.0": "23:00 +11, 22:30 +1030",
		"WGT3WGST,J60/0,J300/0":                "09:00 WGT, 10:00 WGST",
		"WGT3WGST,59/0,299/0":                  "09:00 WGT, 10:00 WGST",
		"UTC":                                  "12:00 UTC, 12:00 UTC",
		"UTC0":                                 "12:00 UTC, 12:00 UTC",
		":":                                    "12:00 UTC, 12:00 UTC",
		"Mars/Olympus":                         "",
		":CET-1CEST,M3.5.0,M10.5.0/3":          "",
		"CET-1CEST,M3.5":                       "",
		"CET-1CEST,M13.5.0,M10.5.0/3":          "",
		"CET-99":                               "",
		"CE-1":                                 "",
		"Local":                                "",
		"/etc/passwd":                          "",
		"../../etc/localtime":                  "",
		"<\x1b[2J>-5":                          "",
		"Europe/Berlin\n":                      "",
	} {
		e := still(demoNow, &bytes.Buffer{})
		e.Getenv = func(name string) string { return map[string]string{"TZ": tz}[name] }
		got := ""
		zone, err := (&reading{local: true}).zone(e)
		if err == nil {
			shown := func(month time.Month) string {
				return time.Date(2026, month, 15, 12, 0, 0, 0, time.UTC).In(zone).Format("15:04 MST")
			}
			got = shown(1) + ", " + shown(7)
		} else if !errors.Is(err, errUsage) || strings.ContainsAny(err.Error(), "\x1b\n") {
			t.Errorf("TZ=%q: %q", tz, err)
		}
		if got != want {
			t.Errorf("TZ=%q: clocks show %q, want %q (%v)", tz, got, want, err)
		}
		if zone, err := (&reading{}).zone(e); err != nil || zone != time.UTC {
			t.Errorf("TZ=%q counts without --local", tz)
		}
	}
}

// TestATimeInAZoneIsTheFirstSuch tests also times that the clocks skip: they are the time
// at which the clocks go on.
func TestATimeInAZoneIsTheFirstSuch(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/usr/share/zoneinfo"); err != nil {
		t.Skip(err)
	}
	for _, c := range []struct{ zone, text, want string }{
		{"America/Sao_Paulo", "2017-10-15", "2017-10-15T03:00:00Z"}, // 01:00
		{"America/Sao_Paulo", "2017-10-15T00:30", "2017-10-15T03:00:00Z"},
		{"America/Sao_Paulo", "2017-10-15 01:30", "2017-10-15T03:30:00Z"},
		{"America/Sao_Paulo", "2018-02-18", "2018-02-18T03:00:00Z"},
		{"America/Sao_Paulo", "2018-02-17 23:30", "2018-02-18T01:30:00Z"},
		{"Asia/Beirut", "2022-03-27", "2022-03-26T22:00:00Z"},
		{"Africa/Cairo", "2023-04-28", "2023-04-27T22:00:00Z"},
		{"America/Havana", "2023-11-05", "2023-11-05T04:00:00Z"}, // 00:00 comes twice
		{"Europe/Berlin", "2026-03-29 02:30", "2026-03-29T01:00:00Z"},
		{"Europe/Berlin", "2026-10-25 02:30", "2026-10-25T00:30:00Z"},
		{"Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z"}, // no such day
		{"Asia/Kathmandu", "2026-05-01", "2026-04-30T18:15:00Z"},
		{"Asia/Kathmandu", "today", "2026-04-30T18:15:00Z"}, // noon in UTC is 17:45 there
		{"Asia/Kathmandu", "17:50", "2026-05-01T12:05:00Z"},
		{"Pacific/Apia", "today", "2026-05-01T11:00:00Z"}, // it is the second there
	} {
		zone, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		at, err := parseTime(c.text, demoNow, zone)
		if got := time.UnixMicro(at).UTC().Format(time.RFC3339); err != nil || got != c.want {
			t.Errorf("%s in %s is %s, want %s (%v)", c.text, c.zone, got, c.want, err)
		}
	}
}

// TestTimesAreThoseOfJournalctl tests the forms of its man page, systemd.time(7).
func TestTimesAreThoseOfJournalctl(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"now": "2026-05-01T12:00:00Z", "today": "2026-05-01T00:00:00Z", "yesterday": "2026-04-30T00:00:00Z", "tomorrow": "2026-05-02T00:00:00Z",
		"-2h": "2026-05-01T10:00:00Z", "2h": "2026-05-01T10:00:00Z", "2h ago": "2026-05-01T10:00:00Z", "-1h30min": "2026-05-01T10:30:00Z",
		"+3h30min": "2026-05-01T15:30:00Z", "5 min ago": "2026-05-01T11:55:00Z", "2 hours 30 minutes ago": "2026-05-01T09:30:00Z", "1.5 days": "2026-04-30T00:00:00Z",
		"-1week": "2026-04-24T12:00:00Z", "1M": "2026-04-01T01:30:00Z", "-1 year": "2025-05-01T06:00:00Z", "90 sec": "2026-05-01T11:58:30Z",
		"2026-04-23 11:12:13": "2026-04-23T11:12:13Z", "Thu 2026-04-23 11:12:13": "2026-04-23T11:12:13Z", "2026-04-23 11:12:13 UTC": "2026-04-23T11:12:13Z",
		"thursday 2026-04-23 11:12": "2026-04-23T11:12:00Z", "2026-04-23": "2026-04-23T00:00:00Z", "11:12:13": "2026-05-01T11:12:13Z", "11:12": "2026-05-01T11:12:00Z",
		"@1395716396": "2014-03-25T02:59:56Z", "2026-05-01T06:37:53+02:00": "2026-05-01T04:37:53Z", " 2026-05-01 ": "2026-05-01T00:00:00Z",
		"": "", "soon": "", "-": "", "ago": "", "2": "", "-2": "", "2 lightyears": "", "@": "", "@-1": "", "@1e300": "", "@NaN": "", "24:00": "", "2026-13-01": "", "--2h": "", "h": "", "2h later": "",
	} {
		at, err := parseTime(text, demoNow, time.UTC)
		if got := time.UnixMicro(at).UTC().Format(time.RFC3339); (err == nil) != (want != "") || err == nil && got != want {
			t.Errorf("%q is %s (%v), want %q", text, got, err, want)
		}
	}
}
