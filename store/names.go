package store

import (
	"strconv"
	"strings"

	"github.com/cis490/fleet-health/store/visible"
)

// StoredName returns the form in which a host's name is stored, and shown. That is the
// name itself, or the name as visible.Quote writes it, if it has characters that cannot
// be seen or could be taken for something else. No two names have the same form, and no
// host has one of the program's own names. For a name that validHost accepts, the form
// has at most 767 bytes.
func StoredName(raw string) string {
	if visible.All(raw) && raw != "" && !strings.HasPrefix(raw, `"`) && !inParentheses(raw) && evenlySpaced(raw) {
		return raw
	}
	return visible.Quote(raw)
}

// countedUnder returns the stored name under which facts are counted, given what
// their host calls itself.
func countedUnder(raw string) string {
	if !validHost(raw) {
		return InvalidHost
	}
	return StoredName(raw)
}

// RawName returns what a host calls itself, given the stored form of its name.
func RawName(stored string) string {
	if raw, err := strconv.Unquote(stored); err == nil && stored[0] == '"' {
		return raw
	}
	return stored
}

// inParentheses reports whether a name has the form of the program's own names.
func inParentheses(name string) bool {
	return strings.HasPrefix(name, "(") && strings.HasSuffix(name, ")")
}

// evenlySpaced reports whether a name has single blanks alone, between words. Others
// are not seen at the end of a cell, and two look like the gap between two columns.
func evenlySpaced(name string) bool {
	return strings.Trim(name, " ") == name && !strings.Contains(name, "  ")
}

// AlertsName returns the form that a stored name has in alerts.jsonl, and from
// which the dedup key is made: the raw name, as the predecessor has it. A name that
// could be taken there for one of the program's own keeps its quotes.
func AlertsName(stored string) string {
	if raw := RawName(stored); !likeOwn(raw) {
		return raw
	}
	return stored
}

// StoredAlertsName returns the stored form of a name that stands in alerts.jsonl.
func StoredAlertsName(name string) string {
	raw := RawName(name)
	switch {
	case pseudo(name):
		return name
	case raw != name && likeOwn(raw):
		return StoredName(raw)
	}
	return StoredName(name)
}

// likeOwn reports whether a raw name has the form of the program's own names, or of
// one that is quoted because it has, however often.
func likeOwn(raw string) bool {
	inner := RawName(raw)
	return inParentheses(raw) || inner != raw && likeOwn(inner)
}
