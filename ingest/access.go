package ingest

import (
	"bytes"
	"net/netip"
	"net/url"
	"unicode"
	"unicode/utf8"
)

// What a line of the receiver says of a host's PUT.
type finding struct {
	host      string
	status    int32  // of an access line, 0 for a rejection
	client    string // of an access line, an IP address; "" if it is not known
	unstamped bool
	message   []byte // of a rejection
}

var (
	putPrefix   = []byte("PUT /v1/episodes/")
	missingMark = []byte("missing x-cis490-code-commit")
	hostMark    = []byte("host=")
)

// maxMessage bounds the message of a rejection that is kept, in bytes.
const maxMessage = 256

// parseMessage reads one line of a journal message. ok is false for a line that
// says nothing of a host's PUT. warning tells whether the entry's priority says
// warning or worse.
func parseMessage(text []byte, warning bool) (f finding, ok bool) {
	text = stripColour(text)
	if saysMissing(text) {
		f.host, ok = namedHost(text)
		f.unstamped, f.message = true, text
		return f, ok
	}
	if f.host, f.status, ok = accessLine(text); ok {
		f.client = clientOf(text)
		return f, true
	}
	if warning || bytes.Contains(text, []byte("WARNING")) {
		f.host, ok = namedHost(text)
		f.message = text
	}
	return f, ok
}

// accessLine reads `PUT /v1/episodes/HOST/NAME HTTP/1.1" 200`, wherever it
// stands in the line.
func accessLine(text []byte) (host string, status int32, ok bool) {
	for {
		i := bytes.Index(text, putPrefix)
		if i < 0 {
			return "", 0, false
		}
		text = text[i+len(putPrefix):]
		slash := bytes.IndexByte(text, '/')
		if slash <= 0 {
			continue
		}
		rest := text[slash+1:]
		quote := bytes.IndexByte(rest, '"')
		if quote < 0 {
			continue
		}
		target, after := rest[:quote], rest[quote+1:]
		version := bytes.LastIndex(target, []byte(" HTTP/"))
		if version <= 0 || !isVersion(target[version+6:]) {
			continue
		}
		if status, ok = statusCode(after); !ok {
			continue
		}
		return unescapeHost(text[:slash]), status, true
	}
}

// clientOf reads the address in `ADDRESS:PORT - "PUT`, "" if it is none.
func clientOf(text []byte) string {
	before, _, _ := bytes.Cut(text, []byte(` - "`))
	word := before[bytes.LastIndexByte(before, ' ')+1:]
	address, err := netip.ParseAddr(string(bytes.Trim(word[:max(0, bytes.LastIndexByte(word, ':'))], "[]")))
	if err != nil {
		return ""
	}
	return address.Unmap().WithZone("").String()
}

// statusCode reads three digits behind a space.
func statusCode(after []byte) (status int32, ok bool) {
	if len(after) < 4 || after[0] != ' ' {
		return 0, false
	}
	for _, c := range after[1:4] {
		if c < '0' || c > '9' {
			return 0, false
		}
		status = status*10 + int32(c-'0')
	}
	return status, true
}

func isVersion(b []byte) bool {
	for _, c := range b {
		if (c < '0' || c > '9') && c != '.' {
			return false
		}
	}
	return len(b) > 0
}

// unescapeHost decodes a path segment once; one that cannot be is kept as it is.
func unescapeHost(segment []byte) string {
	if bytes.IndexByte(segment, '%') >= 0 {
		if s, err := url.PathUnescape(string(segment)); err == nil {
			return s
		}
	}
	return string(segment)
}

// namedHost reads HOST of `host=HOST`, up to white space, without commas at its end.
func namedHost(text []byte) (string, bool) {
	for {
		i := bytes.Index(text, hostMark)
		if i < 0 {
			return "", false
		}
		text = text[i+len(hostMark):]
		if end := bytes.IndexFunc(text, isSpace); end != 0 && len(text) > 0 {
			if end > 0 {
				text = text[:end]
			}
			return string(bytes.TrimRight(text, ",")), true
		}
	}
}

func isSpace(r rune) bool {
	switch r {
	case ' ', '\t', '\n', '\v', '\f', '\r', 0x85, 0xa0, 0x2028, 0x2029:
		return true
	}
	return false
}

// saysMissing tells whether a line holds missingMark, in whatever case. It looks
// at the hyphens alone: few lines have one, and none of most has the mark.
func saysMissing(text []byte) bool {
	const before = len("missing x")
	for from := before; from < len(text); {
		hyphen := bytes.IndexByte(text[from:], '-')
		if hyphen < 0 {
			return false
		}
		start := from + hyphen - before
		if end := start + len(missingMark); end <= len(text) && bytes.EqualFold(text[start:end], missingMark) {
			return true
		}
		from += hyphen + 1
	}
	return false
}

// stripColour takes SGR sequences (ESC [ … m) out.
func stripColour(text []byte) []byte {
	if bytes.IndexByte(text, 0x1b) < 0 {
		return text
	}
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] == 0x1b && i+1 < len(text) && text[i+1] == '[' {
			j := i + 2
			for j < len(text) && (text[j] >= '0' && text[j] <= '9' || text[j] == ';') {
				j++
			}
			if j < len(text) && text[j] == 'm' {
				i = j
				continue
			}
		}
		out = append(out, text[i])
	}
	return out
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
