package report

import (
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/olekukonko/tablewriter/pkg/twwidth"
)

// list writes a table.
func list(w io.Writer, s Style, shapes []shape, rows [][]value) error {
	return render(w, s, document{table: table{shapes: shapes, rows: func(row func([]value) error) error {
		for _, values := range rows {
			if err := row(values); err != nil {
				return err
			}
		}
		return nil
	}}})
}

// aboveOf returns the text above a table.
func aboveOf(t *testing.T, s Style, a above) string {
	t.Helper()
	p, err := s.formatter(io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return p.(*people).above(a)
}

// TestATableFitsItsTerminal shows that no line is wider than the terminal, as long as the
// columns that are never dropped or cut fit. A narrower terminal never shows more columns
// than a wider one, and a wide terminal shows everything.
func TestATableFitsItsTerminal(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 1))
	for range 40 {
		columns := []shape{{head: "host", cut: 6}, {head: "state"}, {head: "n", right: true, drop: 3}, {head: "bars", drop: 1}, {head: "codes", cut: 4, drop: 2}}
		var rows [][]any
		for range r.IntN(5) {
			name := []string{"lab", "lab-with-a-long-name", "日本日本日本日本", "e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301", "\x1b[2J"}[r.IntN(5)]
			rows = append(rows, []any{name, state("silent"), int64(r.IntN(100_000)), spark{1, 0, 8, -1}, counts{412: 31, 500: int64(r.IntN(9999))}})
		}
		var wide strings.Builder
		if err := list(&wide, Style{}, columns, rows); err != nil {
			t.Fatal(err)
		}
		shown := 5
		for width := 90; width >= 14; width-- {
			var b strings.Builder
			if err := list(&b, Style{Width: width, Colour: width%2 == 0}, columns, rows); err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(b.String()) {
				if w := twwidth.Width(strings.TrimSuffix(line, "\n")); w > width {
					t.Fatalf("%d columns, on a terminal of %d: %q", w, width, line)
				}
			}
			head, _, _ := strings.Cut(b.String(), "\n")
			if n := len(strings.Fields(head)); n > shown {
				t.Fatalf("%d columns at width %d, %d on a wider terminal", n, width, shown)
			} else {
				shown = n
			}
			if width == 90 && strings.NewReplacer("\x1b[31m", "", "\x1b[0m", "").Replace(b.String()) != wide.String() {
				t.Fatalf("on a wide terminal it shows\n%s\nnot\n%s", &b, &wide)
			}
		}
	}
}

// TestAHostsNameIsTextInAHeading: in markdown, a name could be a link or a heading. A name
// of wide characters made a line longer than the terminal.
func TestAHostsNameIsTextInAHeading(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		style Style
		name  string
		want  string
	}{
		{Style{Format: FormatMarkdown}, "<b>|`*_[x](y)~", "&lt;b>\\|\\`\\*\\_\\[x\\](y)\\~, 2\n\n"},
		{Style{Format: FormatMarkdown}, "# a", "\\# a, 2\n\n"},
		{Style{Format: FormatMarkdown}, "-lab-1", "\\-lab-1, 2\n\n"},
		{Style{}, "<b>|`*_", "<b>|`*_, 2\n\n"},
		{Style{Width: 8}, "日本日", "日本日,\n2\n\n"},
		{Style{Width: 9}, "日本日", "日本日, 2\n\n"},
		{Style{Width: 5}, "e\u0301e\u0301", "e\u0301e\u0301, 2\n\n"},
	} {
		if got := aboveOf(t, c.style, above{heading: []string{c.name, "2"}}); got != c.want {
			t.Errorf("%q in %+v is %q, want %q", c.name, c.style, got, c.want)
		}
	}
}

// TestABlindWindowFitsItsTerminal: its line had 80 columns on every terminal.
func TestABlindWindowFitsItsTerminal(t *testing.T) {
	t.Parallel()
	got := aboveOf(t, Style{Width: 60}, above{heading: []string{"a"}, blind: []blindness{{to: 3_600_000_000, reason: "journal-export source-unread"}}})
	if want := "a\nblind from 1970-01-01 00:00:00 to 1970-01-01 01:00:00:\njournal-export source-unread\n\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestFormsOfValues shows each kind of value in a table, in CSV and in JSON.
func TestFormsOfValues(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		value                 any
		table, csv, asciiJSON string
	}{
		{nil, "", "", "null"},
		{timestamp(1777636800_000001), "2026-05-01 12:00:00", "2026-05-01T12:00:00.000001Z", `"2026-05-01T12:00:00.000001Z"`},
		{minute(1777636800_000000), "2026-05-01 12:00", "2026-05-01T12:00:00.000000Z", `"2026-05-01T12:00:00.000000Z"`},
		{seconds(11520), "3h12m", "11520", "11520"},
		{state("silent"), "silent", "silent", `"silent"`},
		{words{"a", "b\x1b"}, `"a b\x1b"`, `"a b\x1b"`, `["a", "b\u001b"]`},
		{counts{412: 31, 500: 2, 404: 31}, "404×31 412×31 500×2", "404×31 412×31 500×2", `{"404": 31, "412": 31, "500": 2}`},
		{counts{}, "", "", "{}"},
		{spark{0, 1, 4, 8, -1}, ".▁▄█?", "0 1 4 8 ?", "[0, 1, 4, 8, null]"},
		{spark{0, 0}, "..", "0 0", "[0, 0]"},
		{byteCount(1023), "1023 B", "1023", "1023"},
		{byteCount(1536 << 10), "1.5 MiB", "1572864", "1572864"},
		{true, "yes", "true", "true"},
		{false, "", "false", "false"},
		{int64(-5), "-5", "-5", "-5"},
		{2.0, "2.0", "2.0", "2.0"},
		{[]byte("\x00\xff"), "00ff", "00ff", `"00ff"`},
		{"é\u202e\U0001f600", `"\u00e9\u202e\U0001f600"`, `"\u00e9\u202e\U0001f600"`, `"\u00e9\u202e\ud83d\ude00"`},
	} {
		var json strings.Builder
		writeJSON(&json, c.value)
		got := []string{show(c.value, Style{}.zone()), plainText(c.value), json.String()}
		if diff := cmp.Diff([]string{c.table, c.csv, c.asciiJSON}, got); diff != "" {
			t.Errorf("%T %v (-want +got):\n%s", c.value, c.value, diff)
		}
	}
	var csv, markdown strings.Builder
	for out, format := range map[*strings.Builder]string{&csv: FormatCSV, &markdown: FormatMarkdown} {
		if err := list(out, Style{Format: format}, []shape{{key: "n", head: "a|b"}}, [][]any{{int64(-5)}, {-0.5}, {"-5"}}); err != nil {
			t.Fatal(err)
		}
	}
	if csv.String() != "\"n\"\n-5\n-0.5\n\"'-5\"\n" {
		t.Errorf("as CSV: %q", csv.String())
	}
	if !strings.HasPrefix(markdown.String(), `| a\|b |`) {
		t.Errorf("as markdown: %q", markdown.String())
	}
}
