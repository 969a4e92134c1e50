package ingest

import (
	"bytes"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"
)

// parsePrefix reports whether a logger wrote all of the text before a request: levels,
// times, numbers, names of loggers, an address. It rejects other words, because they may
// be a message that quotes a client. It returns the last word as the client's address.
func parsePrefix(text []byte) (client []byte, ok bool) {
	for len(text) > 0 {
		var word []byte
		word, text = cutWord(text)
		if len(word) == 0 || client != nil && string(word) == "-" {
			continue
		}
		if client != nil && !isLogged(client) {
			return nil, false
		}
		client = word
	}
	return client, client == nil || isLogged(client) || isNamedAddress(client)
}

// cutWord cuts text at its first space or tab.
func cutWord(text []byte) (word, rest []byte) {
	for i, c := range text {
		if c == ' ' || c == '\t' {
			return text[:i], text[i+1:]
		}
	}
	return text, nil
}

// isLogged reports whether loggers put such a word before their messages.
func isLogged(word []byte) bool {
	if isAddress(word) || isKnown(bytes.TrimSuffix(word, []byte(":"))) {
		return true // the common case
	}
	bare := trimPunctuation(word)
	letters := countLetters(bare)
	if letters == 0 {
		return word[0] != '/' && isNone(bare, `"'()=?&%`)
	}
	if bare[0] >= '0' && bare[0] <= '9' && letters <= len("May") && consistsOf(bare, ".:,-+/") {
		return true // 2026-05-01T12:00:00Z
	}
	if isIPv6(bare) {
		return true
	}
	if !consistsOf(bare, "._:-[]") {
		return false
	}
	if word[0] == '[' && word[len(word)-1] == ']' {
		return true
	}
	name, _, _ := bytes.Cut(bare, []byte(":"))
	name, _, _ = bytes.Cut(name, []byte("["))
	return isKnown(name) || bytes.IndexByte(name, '.') > 0
}

// isAddress reports whether a word has only characters of an IPv4 address with a port.
func isAddress(word []byte) bool {
	for _, c := range word {
		if (c < '0' || c > '9') && c != '.' && c != ':' {
			return false
		}
	}
	return true
}

// trimPunctuation removes the punctuation that loggers put around fields.
func trimPunctuation(word []byte) []byte {
	for len(word) > 0 && isPunctuation(word[0]) {
		word = word[1:]
	}
	for len(word) > 0 && isPunctuation(word[len(word)-1]) {
		word = word[:len(word)-1]
	}
	return word
}

func isPunctuation(c byte) bool {
	switch c {
	case '[', ']', '<', '>', '{', '}', '|', ':', ',', ';', '-', '*':
		return true
	}
	return false
}

// isNamedAddress reports whether a word is a name and a port. uvicorn logs that if a
// proxy names the client so.
func isNamedAddress(word []byte) bool {
	colon := bytes.LastIndexByte(word, ':')
	return colon > 0 && colon < len(word)-1 && consistsOf(word, ".-:") && isNumber(word[colon+1:], "")
}

// isIPv6 reports whether a word is an IPv6 address, with or without a zone and a port.
func isIPv6(word []byte) bool {
	if bytes.IndexByte(word, ':') < 0 {
		return false
	}
	address, _, _ := bytes.Cut(word, []byte("%"))
	return bytes.Count(address, []byte(":")) > 1 && len(bytes.Trim(address, "0123456789abcdefABCDEF:.")) == 0
}

// isKnown reports whether a word is a level, a server, a thread, a logger of the receiver
// or a part of a time.
func isKnown(word []byte) bool {
	var folded [16]byte
	if len(word) > len(folded) {
		return false
	}
	for i, c := range word {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		folded[i] = c
	}
	switch string(folded[:len(word)]) {
	case "trace", "debug", "info", "notice", "success", "warning", "warn", "error", "critical",
		"uvicorn", "hypercorn", "gunicorn", "access", "root", "receiver", "cis490", "cis490-receiver", "none", "mainthread", "mainprocess",
		"mon", "tue", "wed", "thu", "fri", "sat", "sun", "utc", "gmt", "am", "pm",
		"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec":
		return true
	}
	return false
}

// consistsOf reports whether b has only ASCII letters, digits and others.
func consistsOf(b []byte, others string) bool {
	for _, c := range b {
		if !(c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || strings.IndexByte(others, c) >= 0) {
			return false
		}
	}
	return true
}

// isNumber reports whether b is not empty and has only digits and others.
func isNumber(b []byte, others string) bool {
	for _, c := range b {
		if (c < '0' || c > '9') && strings.IndexByte(others, c) < 0 {
			return false
		}
	}
	return len(b) > 0
}

// isNone reports whether b has none of the bytes in of.
func isNone(b []byte, of string) bool {
	for _, c := range b {
		if strings.IndexByte(of, c) >= 0 {
			return false
		}
	}
	return true
}

func countLetters(b []byte) (n int) {
	for i := 0; i < len(b); {
		if c := b[i]; c < utf8.RuneSelf {
			if c|0x20 >= 'a' && c|0x20 <= 'z' {
				n++
			}
			i++
			continue
		}
		r, size := utf8.DecodeRune(b[i:])
		if unicode.IsLetter(r) {
			n++
		}
		i += size
	}
	return n
}

// withoutPort removes the port from a client's word if it ends in one.
func withoutPort(word []byte, port bool) []byte {
	if port {
		return word[:max(0, bytes.LastIndexByte(word, ':'))]
	}
	return word
}

// clientAddress returns the IP address in a word without a port, or "". A logger's name
// and a colon may precede the address.
func clientAddress(word []byte) string {
	if len(word) > 0 && word[0] == '[' {
		word = bytes.Trim(word, "[]")
	}
	for len(word) > 0 {
		text := string(word)
		if address, err := netip.ParseAddr(text); err == nil {
			if address.Is4() {
				return text
			}
			return address.Unmap().WithZone("").String()
		}
		_, word, _ = bytes.Cut(word, []byte(":"))
	}
	return ""
}
