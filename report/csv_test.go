package report

import (
	"encoding/csv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestCSVQuotesText: a spreadsheet that splits lines at semicolons found a formula inside
// of a cell.
func TestCSVQuotesText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		value      any
		want, read string
	}{
		{nil, ``, ``},
		{"", ``, ``},
		{"lab-05", `"lab-05"`, `lab-05`},
		{int64(-5), `-5`, `-5`},
		{-0.5, `-0.5`, `-0.5`},
		{seconds(60), `60`, `60`},
		{byteCount(2048), `2048`, `2048`},
		{true, `"true"`, `true`},
		{timestamp(1777636800_000001), `"2026-05-01T12:00:00.000001Z"`, `2026-05-01T12:00:00.000001Z`},
		{counts{412: 3}, `"412×3"`, `412×3`},
		{`say "x"`, `"say ""x"""`, `say "x"`},
		{"a,b;c", `"a,b;c"`, `a,b;c`},
		{"-5", `"'-5"`, `'-5`},
		{"=1", `"'=1"`, `'=1`},
		{"＝1", `"'＝1"`, `'＝1`},
		{`"=1"`, `"""'=1"""`, `"'=1"`},
		{"a=1", `"a=1"`, `a=1`},
		{"a;=1", `"a;'=1"`, `a;'=1`},
		{"a,@SUM(1)", `"a,'@SUM(1)"`, `a,'@SUM(1)`},
		{"a; +1;-1", `"a; '+1;'-1"`, `a; '+1;'-1`},
		{`a;"=1"`, `"a;""'=1"""`, `a;"'=1"`},
		{"2,=1", `"2,'=1"`, `2,'=1`},
		{"a\nb", `"""a\nb"""`, `"a\nb"`},
		{"lab\ufe0f", `"""lab\ufe0f"""`, `"lab\ufe0f"`},
		{"\t=1", `"""\t=1"""`, `"\t=1"`},
	} {
		var out strings.Builder
		if err := list(&out, Style{Format: FormatCSV}, []shape{{key: "a"}, {head: "no key"}, {key: "b"}}, [][]any{{c.value, "x", c.value}}); err != nil {
			t.Fatal(err)
		}
		if want := "\"a\",\"b\"\n" + c.want + "," + c.want + "\n"; out.String() != want {
			t.Errorf("%v is written %q, want %q", c.value, out.String(), want)
		}
		read, err := csv.NewReader(strings.NewReader(out.String())).ReadAll()
		if diff := cmp.Diff([][]string{{"a", "b"}, {c.read, c.read}}, read); err != nil || diff != "" {
			t.Errorf("%v (-want +read):\n%s%v", c.value, diff, err)
		}
	}
	var out strings.Builder
	if err := list(&out, Style{Format: FormatCSV}, []shape{{key: "a"}}, [][]any{{nil}, {"x"}}); err != nil || out.String() != "\"a\"\n\"\"\n\"x\"\n" {
		t.Errorf("one column without a value: %q %v", out.String(), err)
	}
}
