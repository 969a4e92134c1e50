package ingest_test

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/cis490/fleet-health/store"
)

// TestLinesThatEndInCR: a CR may be the last byte of a file or the first half of a line
// end. Once, a file with CRs was one line, too long or torn.
func TestLinesThatEndInCR(t *testing.T) {
	t.Parallel()
	cr := func(n int) string { return strings.TrimSuffix(ship(n), "\n") + "\r" }
	for name, test := range map[string]struct {
		parts []string // appended one by one, with a pass after each
		want  string   // hosts after each pass
	}{
		"all in CR":                          {[]string{cr(1) + cr(2), cr(3)}, "h1 h2,h1 h2 h3"},
		"one line":                           {[]string{cr(1)}, "h1"},
		"all in CR LF":                       {[]string{cr(1) + "\n" + cr(2) + "\n", cr(3) + "\n"}, "h1 h2,h1 h2 h3"},
		"the LF is appended later":           {[]string{cr(1), "\n" + cr(2), "\n", cr(3)}, "h1,h1 h2,h1 h2,h1 h2 h3"},
		"mixed":                              {[]string{ship(1) + cr(2) + ship(3), cr(4) + "\n" + ship(5) + cr(6)}, "h1 h2 h3,h1 h2 h3 h4 h5 h6"},
		"the last line is torn":              {[]string{cr(1) + cr(2)[:40], cr(2)[40:]}, "h1,h1 h2"},
		"a file larger than the buffer":      {[]string{strings.Repeat(cr(1), 5000) + cr(2)}, "h1 h2"},
		"a CR between the members of a line": {[]string{strings.Replace(ship(1), ",", ",\r", 1) + ship(2)}, "h2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newIndexDir(t)
			var got []string
			for _, part := range test.parts {
				d.append("index.jsonl", part)
				got = append(got, strings.TrimSuffix(d.read(), "|"))
			}
			expect(t, "hosts", strings.Join(got, ","), test.want)
			d.read()
			expect(t, "offset after another pass", strings.Join(rows(t, d.s, "SELECT json_extract(state, '$.offset') FROM cursors"), " "), fmt.Sprint(len(strings.Join(test.parts, ""))))
			if !strings.Contains(name, "members") {
				expect(t, "quarantine", strings.Join(rows(t, d.s, "SELECT reason FROM quarantine_log"), " "), "")
			}
		})
	}
}

// TestALineIsKnownWhateverItsEnd: the hash of a line does not cover its end.
func TestALineIsKnownWhateverItsEnd(t *testing.T) {
	t.Parallel()
	d := newReadIndex(t, ship(1), ship(2))
	for _, end := range []string{"\r\n", "\r"} {
		d.write("index.jsonl", strings.ReplaceAll(ship(1)+ship(2), "\n", end))
		hosts, _, _ := strings.Cut(d.read(), "|")
		expect(t, fmt.Sprintf("with %q", end), hosts, "h1 h2")
	}
}

func TestATornLineIsReadWhenItIsWhole(t *testing.T) {
	t.Parallel()
	d := newIndexDir(t)
	d.write("index.jsonl", ship(1), ship(2)[:30])
	result, err := d.pass()
	d.must(err)
	if result.Torn == "" || result.Read != 1 || result.TornAt == 0 {
		t.Errorf("read %d lines, torn %q since %d; want 1, the path and when", result.Read, result.Torn, result.TornAt)
	}
	d.append("index.jsonl", ship(2)[30:])
	if result, err = d.pass(); err != nil || result.Torn != "" || result.Saved.Ships != 1 {
		t.Errorf("stored %d ships, torn %q, error %v; want 1", result.Saved.Ships, result.Torn, err)
	}
}

// TestALongTornLine: once, the cursor hashed the start of the line as the bytes before
// it. Each pass then found a rewritten index and read it from the start. The result did
// not report the torn line.
func TestALongTornLine(t *testing.T) {
	t.Parallel()
	d := newIndexDir(t)
	long := strings.Repeat("x", 500_000)
	d.write("index.jsonl", ship(1), long)
	for i, want := range []int{1, 0} {
		result, err := d.pass()
		d.must(err)
		if result.Read != want || result.Torn == "" || len(result.Gaps) > 0 {
			t.Errorf("pass %d read %d lines, torn %q, gaps %v; want %d, the path and none", i, result.Read, result.Torn, result.Gaps, want)
		}
	}
	d.append("index.jsonl", "\n", ship(2))
	result, err := d.pass()
	d.must(err)
	if result.Read != 2 || result.Saved.Ships != 1 || result.Quarantined != 1 || result.Torn != "" || len(result.Gaps) > 0 {
		t.Errorf("read %d lines, %d ships, %d quarantined, torn %q, gaps %v", result.Read, result.Saved.Ships, result.Quarantined, result.Torn, result.Gaps)
	}
}

// TestALineOfAGibibyteIsSkipped checks that skipping needs constant memory.
func TestALineOfAGibibyteIsSkipped(t *testing.T) {
	// Not parallel: it measures the memory of the whole process.
	d := newIndexDir(t)
	d.write("index.jsonl", ship(1))
	f, err := os.OpenFile(d.path("index.jsonl"), os.O_WRONLY, 0)
	d.must(err)
	_, err = f.WriteAt([]byte("\n"+ship(2)), 1<<30)
	d.must(err)
	d.must(f.Close())
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	result, err := d.pass()
	d.must(err)
	runtime.ReadMemStats(&after)
	if result.Read != 3 || result.Saved.Ships != 2 || result.Quarantined != 1 {
		t.Errorf("read %d lines, stored %d, quarantined %d; want 3, 2, 1", result.Read, result.Saved.Ships, result.Quarantined)
	}
	if grown := after.Sys - min(after.Sys, before.Sys); grown > 256<<20 {
		t.Errorf("memory grew by %d MiB", grown>>20)
	}
	expect(t, "after another pass", d.read(), "h1 h2|")
}

// TestQuarantine: the store counts each bad line by its reason, and keeps its offset,
// its length and its first bytes.
func TestQuarantine(t *testing.T) {
	t.Parallel()
	at := `"received_at_wall":"2026-05-01T10:00:00Z"`
	for line, reason := range map[string]string{
		"":                                      "not-json",
		"nonsense":                              "not-json",
		`{"host_id":"a",` + at:                  "not-json",
		`{"host_id":"a",` + at + `}}`:           "not-json",
		"\x00\x00\x00":                          "not-json",
		"{\"host_id\":\"a\x00\"," + at + "}":    "not-json",
		"{\"host_id\":\"\xff\"," + at + "}":     "invalid-utf8",
		`[]`:                                    "not-an-object",
		`"x"`:                                   "not-an-object",
		`3`:                                     "not-an-object",
		`null`:                                  "not-an-object",
		`{}`:                                    "no-host",
		`{"host_id":"",` + at + `}`:             "no-host",
		`{"host_id":null,` + at + `}`:           "no-host",
		`{"host_id":7,` + at + `}`:              "host-not-a-string",
		`{"host_id":["a"],` + at + `}`:          "host-not-a-string",
		`{"host_id":"a"}`:                       "no-time",
		`{"host_id":"a","received_at_wall":""}`: "no-time",
		`{"host_id":"a","received_at_wall":null}`:                      "no-time",
		`{"host_id":"a","received_at_wall":1777636800}`:                "unparsable-time",
		`{"host_id":"a","received_at_wall":"yesterday"}`:               "unparsable-time",
		`{"host_id":"a","received_at_wall":"2026-02-30T00:00:00Z"}`:    "unparsable-time",
		`{"host_id":"` + strings.Repeat("a", 70_000) + `",` + at + `}`: "too-long",
	} {
		t.Run(fmt.Sprintf("%.40q", line), func(t *testing.T) {
			t.Parallel()
			d := newIndexDir(t)
			d.write("index.jsonl", ship(1), line, "\n", ship(2))
			expect(t, "ships", d.read(), "h1 h2|")
			head := line[:min(len(line), 64)]
			if reason == "too-long" {
				head = line[:64]
			}
			got := rows(t, d.s, "SELECT reason || ' ' || position || ' ' || length || ' ' || hex(head) FROM quarantine")
			expect(t, "quarantine", strings.Join(got, ", "), fmt.Sprintf("%s %d %d %X", reason, len(ship(1)), len(line), head))
			d.read()
			expect(t, "counts", strings.Join(rows(t, d.s, "SELECT reason || ' ' || lines FROM quarantine_counts"), ", "), reason+" 1")
		})
	}
}

func TestQuarantineIsBounded(t *testing.T) {
	t.Parallel()
	d := newIndexDir(t)
	for n := range 300 {
		d.append("index.jsonl", fmt.Sprint("nonsense ", n, "\n"))
	}
	d.read()
	expect(t, "samples", strings.Join(rows(t, d.s, "SELECT COUNT(*) FROM quarantine"), ""), "100")
	expect(t, "count", strings.Join(rows(t, d.s, "SELECT lines FROM quarantine_counts"), ""), "300")
}

func TestOddLinesThatAreShips(t *testing.T) {
	t.Parallel()
	d := newIndexDir(t)
	d.write("index.jsonl",
		"\xef\xbb\xbf"+`{"host_id":"bom","received_at_wall":"2026-05-01T10:00:00Z"}`+"\n",
		`{"host_id":"crlf","received_at_wall":"2026-05-01T10:01:00Z"}`+"\r\n",
		`{"host_id":"zoneless","received_at_wall":"2026-05-01T10:02:00.5"}`+"\n",
		`{"host_id":"offset","received_at_wall":"2026-05-01T12:03:00+02:00"}`+"\n",
		`{"host_id":"two","host_id":"last","received_at_wall":"2026-05-01T10:04:00Z","x":NaN}`+"\n")
	expect(t, "ships", d.read(), "bom crlf zoneless offset last|")
	expect(t, "time without a zone", rows(t, d.s, "SELECT received_at FROM ship_log WHERE host = 'zoneless'")[0], "2026-05-01T10:02:00.500000Z")
}

// TestAShipFromTheFuture: one bad row must not make a host look alive.
func TestAShipFromTheFuture(t *testing.T) {
	t.Parallel()
	d := newIndexDir(t)
	d.write("index.jsonl", ship(1), `{"host_id":"h1","received_at_wall":"2029-01-01T00:00:00Z"}`+"\n")
	result, err := d.pass()
	d.must(err)
	if result.Saved.Ships != 2 || result.Saved.Future != 1 {
		t.Errorf("stored %d ships, %d of the future; want 2 and 1", result.Saved.Ships, result.Saved.Future)
	}
	expect(t, "last ship", rows(t, d.s, "SELECT last_ship_at FROM host_status")[0], "2026-05-01T10:01:00.000000Z")
}

// TestAQuarantinedLineCountsOnce reads lines again. Once, lines beyond the samples
// counted each time.
func TestAQuarantinedLineCountsOnce(t *testing.T) {
	t.Parallel()
	bad := func(from, to int) (text string) {
		for n := from; n < to; n++ {
			text += fmt.Sprintf("nonsense %d\n[%d]\n", n, n)
		}
		return text
	}
	for name, test := range map[string]struct {
		between func(d *indexDir)
		want    string // number of lines that are not JSON, and of those that are not objects
	}{
		"rewritten at other offsets": {func(d *indexDir) { d.write("index.jsonl", ship(2), bad(50, 250), ship(3)) }, "250 250"},
		"replaced by a part of itself": {func(d *indexDir) {
			d.replace(ship(3), bad(150, 250))
		}, "250 250"},
		"rewritten and renamed": {func(d *indexDir) {
			d.write("index.jsonl", bad(0, 250))
			d.rotate("index.jsonl.1", bad(250, 400))
		}, "400 400"},
		"copied, with its cursor lost": {func(d *indexDir) {
			d.write("index.jsonl.1", ship(1), bad(0, 250))
			d.must(d.s.Update(d.t.Context(), func(tx *store.Tx) error {
				_, err := tx.Exec("UPDATE cursors SET state = ''")
				return err
			}))
		}, "250 250"},
		"rotated, with new lines": {func(d *indexDir) { d.rotate("index.jsonl.1", ship(2), bad(300, 450)) }, "400 400"},
		"appended":                {func(d *indexDir) { d.append("index.jsonl", bad(0, 50)) }, "300 300"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newReadIndex(t, ship(1), bad(0, 250))
			test.between(d)
			for range 2 {
				d.read()
				got := rows(t, d.s, "SELECT lines FROM quarantine_counts WHERE reason IN ('not-json', 'not-an-object') ORDER BY reason")
				expect(t, "counts", strings.Join(got, " "), test.want)
			}
		})
	}
}
