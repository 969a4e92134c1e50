package ingest

import (
	"bytes"
	"unicode"

	"github.com/cis490/fleet-health/store/visible"
)

// maxMessage bounds the stored message of a rejection, in bytes.
const maxMessage = 256

// stripColour removes terminal sequences: CSI (ESC [ … letter), as in colours, and OSC
// (ESC ] … BEL), as in titles and links.
func stripColour(text []byte) []byte {
	if bytes.IndexByte(text, 0x1b) < 0 {
		return text
	}
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if n := sequence(text[i:]); n > 0 {
			i += n - 1
			continue
		}
		out = append(out, text[i])
	}
	return out
}

// sequence returns the length of the terminal sequence at the start of b, or 0.
func sequence(b []byte) int {
	if len(b) < 2 || b[0] != 0x1b {
		return 0
	}
	switch b[1] {
	case '[':
		for i, c := range b[2:] {
			if c >= 0x40 && c <= 0x7e {
				return i + 3
			}
			if c < 0x20 || c > 0x3f {
				return 0
			}
		}
	case ']':
		for i, c := range b[2:] {
			if c == 0x07 {
				return i + 3
			}
			if c == 0x1b && len(b) > i+3 && b[i+3] == '\\' {
				return i + 4
			}
		}
	}
	return 0
}

// isSpace reports whether Python's \s matches r in a str.
func isSpace(r rune) bool {
	return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f
}

// bounded returns a message as it is stored. It escapes terminal sequences,
// because sqlite3 prints values unchanged.
func bounded(message []byte) string { return visible.EscapeUpTo(string(message), maxMessage) }
