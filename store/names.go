package store

import (
	"strconv"
	"strings"

	"github.com/cis490/fleet-health/store/visible"
)

// StoredName returns the form in which a host's name is stored and shown. That is the name
// itself, or visible.Quote of a name that is not fully visible or could be mistaken for
// another. No two names have the same form, and no form is one of the program's own
// names. The form of a valid name has at most 767 bytes.
func StoredName(raw string) string {
	if visible.All(raw) && raw != "" && !strings.HasPrefix(raw, `"`) && !inParentheses(raw) && evenlySpaced(raw) {
		return raw
	}
	return visible.Quote(raw)
}

// countedUnder returns the stored name under which the facts of a host count, given the
// name that it sent.
func countedUnder(raw string) string {
	if !validHost(raw) {
		return InvalidHost
	}
	return StoredName(raw)
}

// RawName returns the name that a host sent, given its stored form.
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

// evenlySpaced reports whether a name has only single blanks, between words. A blank at the
// end of a cell is invisible, and two blanks look like the space between columns.
func evenlySpaced(name string) bool {
	return strings.Trim(name, " ") == name && !strings.Contains(name, "  ")
}

// AlertsName returns the form of a stored name in alerts.jsonl and in the dedup key:
// the raw name, as the predecessor wrote it. A name that could be mistaken for one of
// the program's own keeps its quotes.
func AlertsName(stored string) string {
	if raw := RawName(stored); !likeOwn(raw) {
		return raw
	}
	return stored
}

// StoredAlertsName returns the stored form of a name from alerts.jsonl.
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

// likeOwn reports whether a raw name has the form of the program's own names, or is such a
// name in one or more pairs of quotes.
func likeOwn(raw string) bool {
	inner := RawName(raw)
	return inParentheses(raw) || inner != raw && likeOwn(inner)
}
