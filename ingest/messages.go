package ingest

import "bytes"

// outcome is what a line of the receiver says of a host's PUT.
type outcome struct {
	host      string
	status    int32  // of an access line, 0 for a rejection
	client    []byte // of an access line, a word for clientAddress; valid until the next line
	unstamped bool
	message   []byte // of a rejection
}

const (
	// maxUnfinished is how many streams may be in the midst of something. The
	// receiver has a handful.
	maxUnfinished = 64
	// maxRequestLines is how many lines a request may have.
	maxRequestLines = 1000
)

var traceback = []byte("Traceback (most recent call last):")

// origin is who has written an entry. Of one process, what it prints to standard
// output and to standard error are two streams.
type origin struct {
	pid, stream []byte // stream is empty if the entry does not tell
	cut         bool   // journald has cut the line, at 48 KiB: the stream's next entry goes on with it
}

// messageReader reads the receiver's messages in the order in which they were written.
// Its zero value is ready for use.
type messageReader struct {
	// unfinished holds the streams whose last line goes on, in lines that hold
	// what clients sent.
	unfinished map[string]unfinished
}

// unfinished says how a line goes on.
type unfinished struct {
	kind  lineKind
	lines int  // of a request
	cut   bool // the next entry begins in the midst of the line
	ended bool // or with a new one: where it was cut, the line may have ended
}

type lineKind uint8

const (
	wholeLine     lineKind = iota
	tracebackLine          // ends with the first line that is not indented
	requestLine            // ends with the request: hypercorn logs line ends in paths
)

// message reads a message, a line at a time, and calls report with each line that
// says something of a host's PUT.
func (r *messageReader) message(from origin, text []byte, warning bool, report func(outcome)) {
	piece, mayBegin := r.isPiece(from, text)
	if piece {
		if mayBegin {
			readAfterCut(text, warning, report)
		}
		return
	}
	for len(text) > 0 {
		var line []byte
		line, text, _ = bytes.Cut(text, []byte("\n"))
		line = bytes.TrimRight(stripColour(line), "\r")
		if len(line) == 0 || r.goesOn(from, line) {
			continue
		}
		parse := parseLine
		if from.cut && len(text) == 0 {
			parse = rejection // where it was cut, a client can write how an access line ends
		}
		if f, ok := parse(line, warning); ok {
			report(f)
			continue
		}
		switch {
		case bytes.HasPrefix(line, traceback):
			if len(text) > 0 {
				return // the rest of the message is the traceback
			}
			r.begin(from, tracebackLine)
		case isUnfinished(line):
			r.begin(from, requestLine)
		}
	}
}

// isPiece reports whether an entry begins in the midst of a line, which the
// stream's last entry has begun, and notes whether the next one does. journald
// cuts a line of exactly 48 KiB, too, and stores nothing for its empty rest:
// mayBegin reports whether the entry may be a line of its own.
func (r *messageReader) isPiece(from origin, text []byte) (piece, mayBegin bool) {
	if len(r.unfinished) == 0 && !from.cut {
		return false, false
	}
	u := r.unfinished[from.key()]
	piece, mayBegin = u.cut, u.ended && !from.cut
	if piece && !from.cut && u.kind == requestLine {
		u.kind, u.lines = wholeLine, 0 // its end was in the pieces
	}
	u.cut, u.ended = from.cut, false
	if from.cut {
		end, _ := lastEnd(stripColour(text))
		u.ended = end > 0
	}
	r.set(from, u)
	return piece, mayBegin
}

// readAfterCut reads a line that may be the rest of one of uvicorn's. The rest
// ends as uvicorn wrote it, so it shows as an access line only with the status of
// its own request. A dated line ends in what a client wrote, and is not read.
func readAfterCut(line []byte, warning bool, report func(outcome)) {
	line = bytes.TrimRight(stripColour(line), "\r")
	quote := openingQuote(line)
	if len(line) == 0 || line[0] == '{' {
		return
	}
	if quote >= 0 {
		if _, dated := cutDate(line[:quote]); dated {
			return
		}
	}
	if f, ok := parseText(line, warning); ok {
		report(f)
	}
}

// goesOn reports whether a line is part of what its stream began before.
func (r *messageReader) goesOn(from origin, line []byte) bool {
	if len(r.unfinished) == 0 {
		return false
	}
	u := r.unfinished[from.key()]
	ended := false
	switch u.kind {
	case wholeLine:
		return false
	case tracebackLine:
		ended = line[0] != ' ' && line[0] != '\t'
		if ended && len(from.stream) == 0 && isAccessLine(line) {
			return false // of the process's other stream: a traceback ends with the name of an exception
		}
	case requestLine:
		u.lines++
		ended = hasRequestEnd(line) || u.lines >= maxRequestLines
	}
	if ended {
		u.kind, u.lines = wholeLine, 0
	}
	r.set(from, u)
	return true
}

// begin notes that a stream's line is the first of several.
func (r *messageReader) begin(from origin, kind lineKind) {
	u := r.unfinished[from.key()]
	u.kind, u.lines = kind, 0
	r.set(from, u)
}

// set remembers how a stream goes on.
func (r *messageReader) set(from origin, u unfinished) {
	if u == (unfinished{}) {
		delete(r.unfinished, from.key())
		return
	}
	if _, known := r.unfinished[from.key()]; r.unfinished == nil || !known && len(r.unfinished) >= maxUnfinished {
		r.unfinished = map[string]unfinished{}
	}
	r.unfinished[from.key()] = u
}

func (s origin) key() string { return string(s.pid) + "/" + string(s.stream) }

func isAccessLine(line []byte) bool {
	_, ok := accessLine(line)
	return ok && !isException(line)
}

// parseLine reads one line of the receiver. ok is false for a line that says
// nothing of a host's PUT.
func parseLine(line []byte, warning bool) (f outcome, ok bool) {
	if line[0] == '{' {
		if l, ok := parseLogObject(line); ok {
			return l.outcome(warning)
		}
	}
	return parseText(line, warning)
}

// parseText reads a line that is no JSON.
func parseText(line []byte, warning bool) (f outcome, ok bool) {
	if a, ok := accessLine(line); ok {
		return a.put() // of whatever method, it is no rejection
	}
	return rejection(line, warning)
}
