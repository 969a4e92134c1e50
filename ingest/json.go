package ingest

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
)

// The scanner reads a line's JSON in one pass, keeps three members and only checks the
// rest. That takes a third of the time of encoding/json with a struct, which would also
// ignore the case of names. FuzzIndexRow compares the two.
//
// The scanner also accepts NaN, Infinity and -Infinity as values, because the
// receiver's Python writes them.

// maxDepth is how deep arrays and objects may nest. encoding/json has the same limit.
const maxDepth = 10000

// scanner checks the JSON in b, starting at b[i].
type scanner struct {
	b       []byte
	i       int
	depth   int
	escaped bool // the last string contained a backslash
}

// kind is the kind of a JSON value.
type kind uint8

const (
	kindBad kind = iota
	kindNull
	kindString
	kindObject
	kindOther
)

func (s *scanner) space() {
	for s.i < len(s.b) && s.b[s.i] <= ' ' {
		switch s.b[s.i] {
		case ' ', '\t', '\n', '\r':
			s.i++
		default:
			return
		}
	}
}

// object reads an object and calls member with each name, unquoted, and each value,
// unchanged. It reports whether the object is complete.
func (s *scanner) object(member func(name, value []byte, k kind)) bool {
	if s.i >= len(s.b) || s.b[s.i] != '{' {
		return false
	}
	s.i++
	if s.depth++; s.depth > maxDepth {
		return false
	}
	s.space()
	if s.i < len(s.b) && s.b[s.i] == '}' {
		s.i++
		s.depth--
		return true
	}
	for {
		s.space()
		nameStart := s.i
		if !s.str() {
			return false
		}
		name := s.b[nameStart+1 : s.i-1]
		if s.escaped {
			name = unquote(s.b[nameStart:s.i])
		}
		s.space()
		if s.i >= len(s.b) || s.b[s.i] != ':' {
			return false
		}
		s.i++
		s.space()
		valueStart := s.i
		k := s.value()
		if k == kindBad {
			return false
		}
		if member != nil {
			member(name, s.b[valueStart:s.i], k)
		}
		s.space()
		if s.i >= len(s.b) {
			return false
		}
		c := s.b[s.i]
		s.i++
		if c == '}' {
			s.depth--
			return true
		}
		if c != ',' {
			return false
		}
	}
}

func (s *scanner) array() bool {
	s.i++
	if s.depth++; s.depth > maxDepth {
		return false
	}
	s.space()
	if s.i < len(s.b) && s.b[s.i] == ']' {
		s.i++
		s.depth--
		return true
	}
	for {
		s.space()
		if s.value() == kindBad {
			return false
		}
		s.space()
		if s.i >= len(s.b) {
			return false
		}
		c := s.b[s.i]
		s.i++
		if c == ']' {
			s.depth--
			return true
		}
		if c != ',' {
			return false
		}
	}
}

func (s *scanner) value() kind {
	if s.i >= len(s.b) {
		return kindBad
	}
	switch c := s.b[s.i]; c {
	case '"':
		return s.result(s.str(), kindString)
	case '{':
		return s.result(s.object(nil), kindObject)
	case '[':
		return s.result(s.array(), kindOther)
	case 't':
		return s.result(s.word("true"), kindOther)
	case 'f':
		return s.result(s.word("false"), kindOther)
	case 'n':
		return s.result(s.word("null"), kindNull)
	case 'N':
		return s.result(s.word("NaN"), kindOther)
	case 'I':
		return s.result(s.word("Infinity"), kindOther)
	default:
		if c == '-' && s.i+1 < len(s.b) && s.b[s.i+1] == 'I' {
			s.i++
			return s.result(s.word("Infinity"), kindOther)
		}
		return s.result(s.number(), kindOther)
	}
}

func (s *scanner) result(ok bool, k kind) kind {
	if !ok {
		return kindBad
	}
	return k
}

func (s *scanner) word(w string) bool {
	if !bytes.HasPrefix(s.b[s.i:], []byte(w)) {
		return false
	}
	s.i += len(w)
	return true
}

// str reads a string with its quotes and sets escaped.
func (s *scanner) str() bool {
	if s.i >= len(s.b) || s.b[s.i] != '"' {
		return false
	}
	s.escaped = false
	for i := s.i + 1; ; {
		// Skip eight bytes at a time while all of them are ordinary.
		for i+8 <= len(s.b) && plain(binary.LittleEndian.Uint64(s.b[i:])) {
			i += 8
		}
		for i < len(s.b) && s.b[i] != '"' && s.b[i] != '\\' && s.b[i] >= ' ' {
			i++
		}
		if i >= len(s.b) || s.b[i] < ' ' {
			return false
		}
		if s.b[i] == '"' {
			s.i = i + 1
			return true
		}
		s.escaped = true
		n := escape(s.b[i:])
		if n == 0 {
			return false
		}
		i += n
	}
}

// plain reports whether none of eight bytes is a quote, a backslash or a control
// character. Subtracting 1 from a byte borrows into a clear high bit only if the byte
// is zero (https://graphics.stanford.edu/~seander/bithacks.html#ZeroInWord).
func plain(w uint64) bool {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	quote, backslash := w^ones*'"', w^ones*'\\'
	control := w - ones*' '
	return ((quote-ones)&^quote|(backslash-ones)&^backslash|control&^w)&high == 0
}

// escape returns the length of the escape sequence at the start of b, or 0.
func escape(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if len(b) < 6 {
			return 0
		}
		for _, h := range b[2:6] {
			if !(h >= '0' && h <= '9' || h >= 'a' && h <= 'f' || h >= 'A' && h <= 'F') {
				return 0
			}
		}
		return 6
	}
	return 0
}

func (s *scanner) number() bool {
	if s.i < len(s.b) && s.b[s.i] == '-' {
		s.i++
	}
	if s.i < len(s.b) && s.b[s.i] == '0' {
		s.i++
	} else if !s.digits() {
		return false
	}
	if s.i < len(s.b) && s.b[s.i] == '.' {
		s.i++
		if !s.digits() {
			return false
		}
	}
	if s.i < len(s.b) && (s.b[s.i] == 'e' || s.b[s.i] == 'E') {
		s.i++
		if s.i < len(s.b) && (s.b[s.i] == '+' || s.b[s.i] == '-') {
			s.i++
		}
		return s.digits()
	}
	return true
}

func (s *scanner) digits() bool {
	start := s.i
	for s.i < len(s.b) && s.b[s.i] >= '0' && s.b[s.i] <= '9' {
		s.i++
	}
	return s.i > start
}

// unquote returns the value of a valid JSON string. Nearly all strings have no escapes,
// so their value is a part of quoted.
func unquote(quoted []byte) []byte {
	inner := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return inner
	}
	var s string
	if json.Unmarshal(quoted, &s) != nil {
		return inner
	}
	return []byte(s)
}
