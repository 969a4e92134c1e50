// Package visible makes foreign text safe to show. A name, a message or an error may have
// characters that are invisible, or that move the text around them. It imports no other
// package of the program.
package visible

import (
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxMarks is the largest number of consecutive combining marks. A Vietnamese or Thai
// letter has two. A longer stack covers the lines above and below.
const maxMarks = 2

var (
	// blank has the printable characters that look like a blank or like nothing and are
	// not in Unicode's own tables.
	blank = &unicode.RangeTable{
		R16: []unicode.Range16{
			{Lo: 0x2800, Hi: 0x2800, Stride: 1}, // braille pattern blank
			{Lo: 0x2d7f, Hi: 0x2d7f, Stride: 1}, // Tifinagh consonant joiner
			{Lo: 0xfffc, Hi: 0xfffc, Stride: 1}, // object replacement character
		},
		R32: []unicode.Range32{
			{Lo: 0x1107f, Hi: 0x1107f, Stride: 1}, // Brahmi number joiner
			{Lo: 0x13441, Hi: 0x13442, Stride: 1}, // Egyptian blanks
			{Lo: 0x16fe4, Hi: 0x16fe4, Stride: 1}, // Khitan filler
			{Lo: 0x1d159, Hi: 0x1d159, Stride: 1}, // musical null notehead
		},
	}
	// rightToLeft has Unicode's blocks for scripts that are written from right to left. On
	// a terminal their letters reorder the text around them.
	rightToLeft = &unicode.RangeTable{
		R16: []unicode.Range16{
			{Lo: 0x0590, Hi: 0x08ff, Stride: 1},
			{Lo: 0xfb1d, Hi: 0xfdff, Stride: 1},
			{Lo: 0xfe70, Hi: 0xfeff, Stride: 1},
		},
		R32: []unicode.Range32{
			{Lo: 0x10800, Hi: 0x10fff, Stride: 1},
			{Lo: 0x1e800, Hi: 0x1efff, Stride: 1},
		},
	}
	// jamo has the vowels and final consonants of Hangul, which join the letter before
	// them as a combining mark does.
	jamo = &unicode.RangeTable{
		R16: []unicode.Range16{
			{Lo: 0x1160, Hi: 0x11ff, Stride: 1},
			{Lo: 0xd7b0, Hi: 0xd7ff, Stride: 1},
		},
	}
)

// All reports whether every character of a text is visible and in its place. It does not
// distinguish letters that look alike.
func All(text string) bool {
	var s shower
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		if !s.shows(r, size) {
			return false
		}
		i += size
	}
	return true
}

// Escape escapes every invisible character of a text as in a Go string. Use it for
// sentences, and Quote for single values.
func Escape(text string) string { return EscapeUpTo(text, math.MaxInt) }

// EscapeUpTo is Escape, cut between two characters to at most a number of bytes.
func EscapeUpTo(text string, bytes int) string {
	if len(text) <= bytes && All(text) {
		return text
	}
	var s shower
	var b strings.Builder
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		shown := text[i : i+size]
		if !s.shows(r, size) {
			quoted := strconv.QuoteToASCII(shown)
			shown = quoted[1 : len(quoted)-1]
			s = shower{base: '0'}
		}
		if len(shown) > bytes-b.Len() {
			break
		}
		b.WriteString(shown)
		i += size
	}
	return b.String()
}

// Quote returns a text as a Go string in double quotes. All of the result is visible, and
// strconv.Unquote reads it back.
func Quote(text string) string {
	if All(text) {
		return strconv.Quote(text)
	}
	return strconv.QuoteToASCII(text)
}

// shower examines the characters of a text in order. The zero value is ready for the first.
type shower struct {
	base  rune // the last character that is not a combining mark; 0 for none
	marks int  // combining marks since base
}

// shows reports whether the next character, of size bytes, is visible.
func (s *shower) shows(r rune, size int) bool {
	if r >= ' ' && r < 0x7f {
		s.base, s.marks = r, 0
		return true
	}
	switch {
	case r == utf8.RuneError && size == 1:
		return false
	case !unicode.IsPrint(r) || unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector, blank, rightToLeft):
		return false
	case !unicode.In(r, unicode.M, jamo):
		s.base, s.marks = r, 0
		return true
	}
	s.marks++
	// A mark of one script is invisible on a letter of another. A mark without a script
	// fits every letter.
	return s.marks <= maxMarks && s.base > ' ' && (s.base > unicode.MaxASCII || unicode.Is(unicode.Inherited, r))
}
