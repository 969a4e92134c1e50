package report

import (
	"io"
	"strings"
	"unicode/utf16"
)

// textWriter is a buffer or a buffered writer. Writes return no errors worth checking:
// a buffered writer keeps its first error.
type textWriter interface {
	io.Writer
	io.ByteWriter
	io.StringWriter
}

// quoteASCII writes a string as JSON in ASCII, with the escapes that Python's json uses.
func quoteASCII(b textWriter, s string) {
	b.WriteByte('"')
	for _, r := range s {
		short := strings.IndexRune("\"\\\n\r\t\f\b", r)
		switch {
		case short >= 0:
			b.WriteByte('\\')
			b.WriteByte(`"\nrtfb`[short])
		case r >= ' ' && r < 0x7f:
			b.WriteByte(byte(r))
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			escapeASCII(b, high)
			escapeASCII(b, low)
		default:
			escapeASCII(b, r)
		}
	}
	b.WriteByte('"')
}

func escapeASCII(b textWriter, r rune) {
	const digits = "0123456789abcdef"
	b.WriteString(`\u`)
	for shift := 12; shift >= 0; shift -= 4 {
		b.WriteByte(digits[r>>shift&0xf])
	}
}
