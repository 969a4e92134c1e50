package report

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// answered returns an answer of these rows.
func answered(t *testing.T, format string, names []string, rows ...[]any) (string, error) {
	t.Helper()
	var b strings.Builder
	a, err := NewAnswer(&b, Style{Format: format}, names)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if err := a.Row(row); err != nil {
			return b.String(), err
		}
	}
	err = a.End()
	return b.String(), err
}

func TestAnswersHaveEveryKindOfValue(t *testing.T) {
	t.Parallel()
	names := []string{"n", "n", "", "mixed", "a|b", "blob"}
	rows := [][]any{
		{int64(-5), 1.5, "lab-1", int64(7), nil, []byte{0, 255}},
		{nil, 2.0, "\x1b[2J", "seven", "=1+1", nil},
	}
	for format, want := range map[string]string{
		FormatTable: "" +
			" n    n  column_3   mixed  a|b   blob\n" +
			"-5  1.5  lab-1      7            00ff\n" +
			"    2.0  \"\\x1b[2J\"  seven  =1+1\n",
		FormatNDJSON: "" +
			`{"n": -5, "n_2": 1.5, "column_3": "lab-1", "mixed": 7, "a|b": null, "blob": "00ff"}` + "\n" +
			`{"n": null, "n_2": 2.0, "column_3": "\u001b[2J", "mixed": "seven", "a|b": "=1+1", "blob": null}` + "\n",
	} {
		got, err := answered(t, format, names, rows...)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got)\n%s", format, err, diff)
		}
	}
}

// TestNamesOfColumnsDoNoHarm: a name may be any text after AS.
func TestNamesOfColumnsDoNoHarm(t *testing.T) {
	t.Parallel()
	names := []string{"\x1b[2J", "a\nb", "=1+1", "|", "", "n_2", "n", "n", "\u202e", "a\x00b"}
	row := make([]any, len(names))
	for _, format := range Formats {
		got, err := answered(t, format, names, row)
		if err != nil || strings.ContainsAny(got, "\x1b\x00\u202e") || strings.Contains(got, "a\nb") {
			t.Errorf("%s: %v\n%q", format, err, got)
		}
		var object map[string]any
		if format == FormatNDJSON {
			if err := json.Unmarshal([]byte(got), &object); err != nil || len(object) != len(names) {
				t.Errorf("%v: of %d columns JSON has %d\n%s", err, len(names), len(object), got)
			}
		}
		if format == FormatCSV && !strings.Contains(got, `,"'=1+1","|","column_5","n_2","n","n_3",`) {
			t.Errorf("the header of the CSV is %q", got)
		}
	}
}

func TestNothingFoundIsAnEmptyListing(t *testing.T) {
	t.Parallel()
	for format, want := range map[string]string{FormatTable: "host  status\n", FormatCSV: "\"host\",\"status\"\n", FormatJSON: "[]\n", FormatNDJSON: ""} {
		if got, err := answered(t, format, []string{"host", "status"}); err != nil || got != want {
			t.Errorf("%s: %q and %v, want %q", format, got, err, want)
		}
	}
}

// TestALongValueIsCutInATable: each row was padded to the longest value, and a few rows
// took gigabytes. CSV and JSON have the whole value.
func TestALongValueIsCutInATable(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]any{
		"letters": strings.Repeat("x", 1<<20), "two bytes": strings.Repeat("é", 5000), "wide": strings.Repeat("日", 5000),
		"of no width": "e" + strings.Repeat("\u0301", 1<<20), "escapes": strings.Repeat("\x1b", 1<<20), "bytes": make([]byte, 1<<20),
		"markdown": strings.Repeat("|<&*_", 1<<18), "invalid": strings.Repeat("\xff", 1<<20),
	} {
		for _, format := range Formats {
			got, err := answered(t, format, []string{"host", "said", "n"}, []any{"lab-1", "short", int64(1)}, []any{"evil", value, int64(2)})
			if err != nil {
				t.Fatal(err)
			}
			switch human := format == FormatTable || format == FormatMarkdown; {
			case human && (len(got) > 40_000 || !strings.Contains(got, "…")):
				t.Errorf("%s in %s: %d bytes, cut: %t", name, format, len(got), strings.Contains(got, "…"))
			case !human && len(got) < 10_000:
				t.Errorf("%s in %s: only %d bytes", name, format, len(got))
			}
		}
	}
}

// TestATableIsWrittenInParts: a table was held in memory as a whole, and refused above
// 16 MiB. The parts have one heading and, except for wider cells, the same columns.
func TestATableIsWrittenInParts(t *testing.T) {
	t.Parallel()
	const rows = 60_000
	for _, c := range []struct {
		style             Style
		lines, head, late string
	}{
		{Style{}, "", "host      n  note", "lab-1  59999  all is well with it"},
		{Style{Width: 26}, "", "host      n  note", "lab-1  59999  all is well…"},
		{Style{Format: FormatMarkdown}, "|", "| host | n | note |", "| lab-1 | 59999 | all is well with it"},
	} {
		out := &pieces{}
		a, err := NewAnswer(out, c.style, []string{"host", "n", "note"})
		if err != nil {
			t.Fatal(err)
		}
		for n := range rows {
			note := "fine"
			if n >= 50_000 {
				note = "all is well with it"
			}
			if err := a.Row([]any{"lab-1", int64(n), note}); err != nil {
				t.Fatal(err)
			}
		}
		if err := a.End(); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		heads := 1 + len(c.lines) // markdown has a rule below them
		if len(lines) != rows+heads || strings.Count(out.String(), "host") != 1 || out.longest > 4*maxPart || out.writes < 3 {
			t.Errorf("%+v: %d lines in %d writes of up to %d bytes", c.style, len(lines), out.writes, out.longest)
		}
		if head := strings.Fields(lines[0]); strings.Join(head, " ") != strings.Join(strings.Fields(c.head), " ") {
			t.Errorf("%+v: the head is %q", c.style, lines[0])
		}
		if last := lines[len(lines)-1]; !strings.HasPrefix(last, c.late) {
			t.Errorf("%+v: the last line is %q, want %q", c.style, last, c.late)
		}
	}
}

// pieces counts writes.
type pieces struct {
	strings.Builder
	writes, longest int
}

func (p *pieces) Write(b []byte) (int, error) {
	p.writes, p.longest = p.writes+1, max(p.longest, len(b))
	return p.Builder.Write(b)
}

func (p *pieces) WriteString(s string) (int, error) { return p.Write([]byte(s)) }

// TestNoTimeAndNoNumberIsShortened: a time that ended in … could not be pasted into the
// next command.
func TestNoTimeAndNoNumberIsShortened(t *testing.T) {
	t.Parallel()
	const first, big, last, text = "2026-05-01T10:26:58.757155Z", "1777636800000001", "before 2026-05-01T11:00:54Z", "a text of some length"
	for width := 100; width >= len(first); width-- {
		var shown strings.Builder
		a, err := NewAnswer(&shown, Style{Width: width}, []string{"first_at", "host", "us", "detail", "last_at", "n"})
		if err == nil {
			err = a.Row([]any{first, "lab-01", int64(1777636800000001), text, last, int64(7)})
		}
		if err == nil {
			err = a.Row([]any{nil, nil, nil, "short", nil, nil})
		}
		if err == nil {
			err = a.End()
		}
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(shown.String(), "\n")
		for _, line := range lines {
			if n := utf8.RuneCountInString(line); n > width {
				t.Errorf("%d columns on a terminal of %d: %s", n, width, line)
			}
		}
		for head, value := range map[string]string{"first_at": first, "us": big, "last_at": last} {
			if strings.Contains(lines[0], head) != strings.Contains(lines[1], value) {
				t.Errorf("on a terminal of %d %s is shortened:\n%s", width, head, shown.String())
			}
		}
		if !strings.Contains(lines[1], first) {
			t.Errorf("the first column is lost on a terminal of %d", width)
		}
		if whole := len(strings.Fields(lines[0])) == 6; whole != (width >= 27+2+6+2+16+2+12+2+27+2+1) {
			t.Errorf("on a terminal of %d is every column there: %t", width, whole)
		}
	}
}
