package ingest

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// maxMessage bounds the message of a rejection that is kept, in bytes.
const maxMessage = 256

// stripColour takes terminal sequences out: CSI (ESC [ … letter), as in colours,
// and OSC (ESC ] … BEL), as in titles and links.
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

// sequence returns the length of the terminal sequence at the start of b, 0 if
// there is none.
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

// isSpace reports whether Python's \s matches a character of a str.
func isSpace(r rune) bool {
	return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f
}

// printable returns text as valid UTF-8, with U+FFFD for control characters but
// tabs: sqlite3 hands what it reads to the terminal as it is.
func printable(text []byte) []byte {
	return bytes.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\t' {
			return utf8.RuneError
		}
		return r
	}, bytes.ToValidUTF8(text, []byte("\uFFFD")))
}

// bounded cuts a message to maxMessage bytes of what is printable.
func bounded(message []byte) string {
	message = printable(message)
	if len(message) > maxMessage {
		message = message[:maxMessage]
		for len(message) > 0 && !utf8.Valid(message) {
			message = message[:len(message)-1]
		}
	}
	return string(message)
}
