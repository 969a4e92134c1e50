package ingest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cis490/fleet-health/store"
)

// TestLinesThatEndInCR: such a file was one line, too long or without an end. A
// CR may be the last byte of a file, or the first half of a line end.
func TestLinesThatEndInCR(t *testing.T) {
	t.Parallel()
	cr := func(n int) string { return strings.TrimSuffix(ship(n), "\n") + "\r" }
	for name, test := range map[string]struct {
		parts []string // each is appended, then comes a pass
		want  string   // hosts after each pass
	}{
		"all in CR":                       {[]string{cr(1) + cr(2), cr(3)}, "h1 h2,h1 h2 h3"},
		"one line":                        {[]string{cr(1)}, "h1"},
		"all in CR LF":                    {[]string{cr(1) + "\n" + cr(2) + "\n", cr(3) + "\n"}, "h1 h2,h1 h2 h3"},
		"the LF comes later":              {[]string{cr(1), "\n" + cr(2), "\n", cr(3)}, "h1,h1 h2,h1 h2,h1 h2 h3"},
		"mixed":                           {[]string{ship(1) + cr(2) + ship(3), cr(4) + "\n" + ship(5) + cr(6)}, "h1 h2 h3,h1 h2 h3 h4 h5 h6"},
		"the last one is torn":            {[]string{cr(1) + cr(2)[:40], cr(2)[40:]}, "h1,h1 h2"},
		"a file of more than one buffer":  {[]string{strings.Repeat(cr(1), 5000) + cr(2)}, "h1 h2"},
		"a CR between the members of one": {[]string{strings.Replace(ship(1), ",", ",\r", 1) + ship(2)}, "h2"},
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
			expect(t, "what is read once more", strings.Join(rows(t, d.s, "SELECT json_extract(state, '$.offset') FROM cursors"), " "), fmt.Sprint(len(strings.Join(test.parts, ""))))
			if !strings.Contains(name, "members") {
				expect(t, "quarantine", strings.Join(rows(t, d.s, "SELECT reason FROM quarantine_log"), " "), "")
			}
		})
	}
}

// TestALineIsKnownWhateverItsEnd: its hash is that of its text.
func TestALineIsKnownWhateverItsEnd(t *testing.T) {
	t.Parallel()
	d := newIndexDir(t)
	d.write("index.jsonl", ship(1), ship(2))
	d.read()
	for _, end := range []string{"\r\n", "\r"} {
		d.write("index.jsonl", strings.ReplaceAll(ship(1)+ship(2), "\n", end))
		hosts, _, _ := strings.Cut(d.read(), "|")
		expect(t, fmt.Sprintf("with %q", end), hosts, "h1 h2")
	}
}

// TestAQuarantinedLineCountsOnce, however often it is read: the lines beyond the
// samples were counted again each time.
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
		want    string // lines that are no JSON, and lines that are no object
	}{
		"rewritten at other offsets": {func(d *indexDir) { d.write("index.jsonl", ship(2), bad(50, 250), ship(3)) }, "250 250"},
		"replaced by a copy of less": {func(d *indexDir) {
			d.write("new", ship(3), bad(150, 250))
			d.rename("new", "index.jsonl")
		}, "250 250"},
		"rewritten and renamed": {func(d *indexDir) {
			d.write("index.jsonl", bad(0, 250))
			d.rotate("index.jsonl.1", bad(250, 400))
		}, "400 400"},
		"copied, with its place lost": {func(d *indexDir) {
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
			d := newIndexDir(t)
			d.write("index.jsonl", ship(1), bad(0, 250))
			d.read()
			test.between(d)
			for range 2 {
				d.read()
				got := rows(t, d.s, "SELECT lines FROM quarantine_counts WHERE reason IN ('not-json', 'not-an-object') ORDER BY reason")
				expect(t, "counts", strings.Join(got, " "), test.want)
			}
		})
	}
}
