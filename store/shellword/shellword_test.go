package shellword_test

import (
	"testing"

	"github.com/cis490/fleet-health/store/shellword"
)

func TestWords(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		plain  bool
		quoted string
		inText string
	}{
		{"lab-05.example", true, "lab-05.example", "lab-05.example"},
		{"", false, "''", `""`},
		{"-rf", false, "-rf", `"-rf"`},
		{"/var/lib", false, "/var/lib", `"/var/lib"`},
		{"a b", false, "'a b'", `"a b"`},
		{"it's", false, `'it'\''s'`, `"it's"`},
		{"`reboot`", false, "'`reboot`'", `"\x60reboot\x60"`},
		{"büro", false, "'büro'", `"b\u00fcro"`},
	} {
		if plain := shellword.Plain(c.name); plain != c.plain {
			t.Errorf("Plain(%q) is %v", c.name, plain)
		}
		if quoted := shellword.Quote(c.name); quoted != c.quoted {
			t.Errorf("Quote(%q) is %s, want %s", c.name, quoted, c.quoted)
		}
		if inText := shellword.InText(c.name); inText != c.inText {
			t.Errorf("InText(%q) is %s, want %s", c.name, inText, c.inText)
		}
	}
}
