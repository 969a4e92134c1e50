package ingest

import (
	"unicode/utf8"

	"github.com/cis490/fleet-health/store/isotime"
)

// Reasons for quarantining a line of the index.
const (
	reasonTooLong   = "too-long"
	reasonNotUTF8   = "invalid-utf8"
	reasonNotJSON   = "not-json"
	reasonNotObject = "not-an-object"
	reasonNoHost    = "no-host"
	reasonBadHost   = "host-not-a-string"
	reasonNoTime    = "no-time"
	reasonBadTime   = "unparsable-time"
)

// indexRow holds the fields of an index line that the program uses. The slices point
// into the line.
type indexRow struct {
	host       []byte // host_id, not empty
	commit     []byte // code_commit; nil if there is none
	receivedAt int64  // received_at_wall, in microseconds
}

// parseIndexRow parses one line of the index, without its line end. reason is "" for a
// valid row.
func parseIndexRow(line []byte) (row indexRow, reason string) {
	if !utf8.Valid(line) {
		return row, reasonNotUTF8
	}
	var host, at, commit []byte
	var hostKind, atKind, commitKind kind
	s := scanner{b: line}
	s.space()
	whole := s.object(func(name, value []byte, k kind) {
		// The last of repeated members counts, as in Python.
		switch string(name) {
		case "host_id":
			host, hostKind = value, k
		case "received_at_wall":
			at, atKind = value, k
		case "code_commit":
			commit, commitKind = value, k
		}
	})
	if !whole || !s.atEnd() {
		if s = (scanner{b: line}); s.isValue() {
			return row, reasonNotObject
		}
		return row, reasonNotJSON
	}
	if hostKind == kindString {
		row.host = unquote(host)
	}
	if atKind == kindString {
		at = unquote(at)
	}
	switch {
	case hostKind == kindBad || hostKind == kindNull || hostKind == kindString && len(row.host) == 0:
		return row, reasonNoHost
	case hostKind != kindString:
		return row, reasonBadHost
	case atKind == kindBad || atKind == kindNull || atKind == kindString && len(at) == 0:
		return row, reasonNoTime
	case atKind != kindString:
		return row, reasonBadTime
	}
	var ok bool
	if row.receivedAt, ok = isotime.Parse(at); !ok {
		return row, reasonBadTime
	}
	if commitKind == kindString {
		row.commit = unquote(commit)
	}
	return row, ""
}

func (s *scanner) atEnd() bool {
	s.space()
	return s.i == len(s.b)
}

// isValue reports whether s.b holds one JSON value other than an object.
func (s *scanner) isValue() bool {
	s.space()
	k := s.value()
	return k != kindBad && k != kindObject && s.atEnd()
}
