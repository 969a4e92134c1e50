package visible_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/cis490/fleet-health/store/visible"
)

// TestAll has texts for which unicode.IsPrint is true throughout, visible or not.
func TestAll(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"":                                   true,
		"lab-05":                             true,
		" two  words ":                       true,
		"é, e\u0301, Việt, Vie\u0323\u0302t": true,
		"全角 한글 ひらがな ไทยนี้ हिन्दी 😀": true,
		"\u1112\u1161\u11ab":                  true, // a syllable of three jamo
		"lab-05\ufe0f":                        false,
		"lab-05\U000e0101":                    false,
		"lab-05\u180b":                        false, // Mongolian variation selector
		"lab-05\u034f":                        false, // combining grapheme joiner
		"lab-05\u115f":                        false, // Hangul fillers
		"lab-05\u1160":                        false,
		"lab-05\u3164":                        false,
		"lab-05\uffa0":                        false,
		"lab-05\u17b4":                        false, // invisible Khmer vowel
		"lab-05\u2800":                        false, // braille blank
		"lab-05\ufffc":                        false, // object replacement
		"lab-05\U0001d159":                    false, // null notehead
		"lab-05\U00016fe4":                    false, // Khitan filler
		"lab-05\u2d7f":                        false, // Tifinagh joiner
		"lab-05\u1039":                        false, // Myanmar stacker, on a digit
		"lab-05\u1161":                        false, // a vowel that joins the 5
		"\u0301lab":                           false, // a mark without a letter
		"lab \u0301":                          false,
		"x" + strings.Repeat("\u0301", 3):     false,
		"한" + strings.Repeat("\u1161", 3):     false,
		"\u05e9\u05dc\u05d5\u05dd":            false, // Hebrew
		"lab-\u0660\u0661":                    false, // Arabic digits
		"lab-\U0001e900":                      false, // Adlam
		"lab-05\u202e":                        false, // not printable
		"lab\t05":                             false,
		"lab\xff05":                           false,
		"lab-\ufffd05":                        true,
		"x\u0301\u0301y\u0301\u0301 z\u0301.": true,
	} {
		if got := visible.All(text); got != want {
			t.Errorf("All(%+q) is %v", text, got)
		}
		if got := visible.Escape(text); (got == text) != want || !visible.All(got) {
			t.Errorf("Escape(%+q) is %+q", text, got)
		}
	}
}

// TestNothingThatUnicodeIgnoresShows compares All with Unicode's property of ignorable
// characters, and with the categories of characters without a glyph.
func TestNothingThatUnicodeIgnoresShows(t *testing.T) {
	t.Parallel()
	hidden := []*unicode.RangeTable{unicode.C, unicode.Z, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector,
		unicode.Hebrew, unicode.Arabic, unicode.Syriac, unicode.Thaana, unicode.Nko, unicode.Adlam}
	for r := rune(0x80); r <= unicode.MaxRune; r++ {
		if !utf8.ValidRune(r) {
			continue
		}
		after := "é" + string(r)
		if visible.All(after) && unicode.In(r, hidden...) && !unicode.In(r, unicode.Inherited) {
			t.Errorf("%U shows itself", r)
		}
		if visible.All(string(r)) && unicode.Is(unicode.M, r) {
			t.Errorf("%U needs no letter", r)
		}
	}
}
