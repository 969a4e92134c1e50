package ingest

import "bytes"

// finding is what a line of the receiver says of a host's PUT.
type finding struct {
	host      string
	status    int32  // of an access line, 0 for a rejection
	client    []byte // of an access line, a word for clientAddress; valid until the next line
	unstamped bool
	message   []byte // of a rejection
}

// maxUnfinished is how many processes may be in the midst of something. The
// receiver has a handful.
const maxUnfinished = 64

var traceback = []byte("Traceback (most recent call last):")

// hearing reads the receiver's messages in the order in which they were written.
// Its zero value is ready for use.
type hearing struct {
	// unfinished holds the processes whose last line goes on, in lines that hold
	// what clients sent.
	unfinished map[string]lineKind
}

// lineKind says how a line that goes on ends.
type lineKind uint8

const (
	wholeLine     lineKind = iota
	tracebackLine          // with the first line that is not indented
	requestLine            // with the end of the request: hypercorn logs line ends in paths
)

// message reads a message of a process, a line at a time, and calls found with
// each line that says something of a host's PUT.
func (h *hearing) message(pid, text []byte, warning bool, found func(finding)) {
	for len(text) > 0 {
		var line []byte
		line, text, _ = bytes.Cut(text, []byte("\n"))
		line = bytes.TrimRight(stripColour(line), "\r")
		if len(line) == 0 || h.goesOn(pid, line) {
			continue
		}
		if f, ok := parseLine(line, warning); ok {
			found(f)
			continue
		}
		kind := wholeLine
		switch {
		case bytes.HasPrefix(line, traceback):
			if len(text) > 0 {
				return // the rest of the message is the traceback
			}
			kind = tracebackLine
		case isUnfinished(line):
			kind = requestLine
		default:
			continue
		}
		if h.unfinished == nil || len(h.unfinished) >= maxUnfinished {
			h.unfinished = map[string]lineKind{}
		}
		h.unfinished[string(pid)] = kind
	}
}

// goesOn reports whether a line is part of what its process began before.
func (h *hearing) goesOn(pid, line []byte) bool {
	if len(h.unfinished) == 0 {
		return false
	}
	kind := h.unfinished[string(pid)]
	if kind == tracebackLine && line[0] != ' ' && line[0] != '\t' || kind == requestLine && hasRequestEnd(line) {
		delete(h.unfinished, string(pid))
	}
	return kind != wholeLine
}

// parseLine reads one line of the receiver. ok is false for a line that says
// nothing of a host's PUT.
func parseLine(line []byte, warning bool) (f finding, ok bool) {
	if line[0] == '{' {
		if l, ok := parseLogObject(line); ok {
			return l.finding(warning)
		}
	}
	return parseText(line, warning)
}

// parseText reads a line that is no JSON.
func parseText(line []byte, warning bool) (f finding, ok bool) {
	if a, ok := accessLine(line); ok {
		return a.put() // of whatever method, it is no rejection
	}
	return rejection(line, warning)
}
