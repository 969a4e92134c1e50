package report

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// answered writes an answer.
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

// TestNamesOfColumnsDoNoHarm: a name is what was typed after AS, or in a file.
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
		if format == FormatCSV && !strings.Contains(got, ",'=1+1,|,column_5,n_2,n,n_3,") {
			t.Errorf("the header of the CSV is %q", got)
		}
	}
}

func TestNothingFoundIsAnEmptyListing(t *testing.T) {
	t.Parallel()
	for format, want := range map[string]string{FormatTable: "host  status\n", FormatCSV: "host,status\n", FormatJSON: "[]\n", FormatNDJSON: ""} {
		if got, err := answered(t, format, []string{"host", "status"}); err != nil || got != want {
			t.Errorf("%s: %q and %v, want %q", format, got, err, want)
		}
	}
}

// TestATableHasAnEnd: it is held in memory, where there may not be much.
func TestATableHasAnEnd(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 1<<20)
	for _, format := range Formats {
		rows := make([][]any, 17)
		for i := range rows {
			rows[i] = []any{long}
		}
		_, err := answered(t, format, []string{"x"}, rows...)
		if human := format == FormatTable || format == FormatMarkdown; errors.Is(err, ErrTooLong) != human {
			t.Errorf("17 MiB in %s: %v", format, err)
		}
	}
}
