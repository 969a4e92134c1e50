package ingest

import "bytes"

// outcome is the outcome of a host's PUT according to a line of the receiver.
type outcome struct {
	host      string
	status    int32  // from an access line; 0 for a rejection
	client    []byte // from an access line: a word for clientAddress, valid until the next line
	unstamped bool
	message   []byte // from a rejection
}

const (
	// maxUnfinished is how many streams may have an unfinished line or traceback. The
	// receiver has a handful of streams.
	maxUnfinished = 64
	// maxRequestLines is how many lines one request may have.
	maxRequestLines = 1000
)

var traceback = []byte("Traceback (most recent call last):")

// origin is the stream that an entry came from. The standard output and the standard
// error of one process are two streams.
type origin struct {
	pid, stream []byte // stream is empty if the entry does not name it
	failed      bool   // the entry has priority err or worse
	cut         bool   // journald cut the line at 48 KiB; the stream's next entry continues it
}

// messageReader parses the receiver's messages in the order of the journal. The zero
// value is ready to use.
type messageReader struct {
	// unfinished holds the streams whose next line continues the last one. Clients may
	// have chosen the text of such lines.
	unfinished map[string]unfinished
	// say is called with each error of the receiver. It may be nil.
	say func(errorLine)
}

// unfinished is how the next line of a stream continues the last one.
type unfinished struct {
	kind  lineKind
	lines int  // lines so far of a request
	cut   bool // the next entry starts within the line
	ended bool // the line may have ended at the cut, so the next entry may also start a new line
}

type lineKind uint8

const (
	wholeLine     lineKind = iota
	tracebackLine          // ends with the first line that is not indented
	requestLine            // ends with the request; hypercorn does not escape line ends in paths
)

// message parses a message line by line and calls report with each outcome.
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
		var f outcome
		var ok bool
		var object *logObject
		if from.cut && len(text) == 0 {
			f, ok = rejection(line, warning) // a client can choose the text at the cut, and so the end of an access line
		} else {
			f, ok, object = parseLine(line, warning)
		}
		if !ok || f.status == 0 && !f.unstamped {
			r.sayErrors(line, object, from.failed)
		}
		from.failed = false // the rest of a message explains its first line
		if ok {
			report(f)
			continue
		}
		switch {
		case bytes.HasPrefix(line, traceback):
			if len(text) > 0 {
				r.sayLast(text)
				return // the traceback takes up the rest of the message
			}
			r.begin(from, tracebackLine)
		case isUnfinished(line):
			r.begin(from, requestLine)
		}
	}
}

// isPiece reports whether an entry starts within a line that the stream's last entry
// started. It records whether the next entry does. journald also cuts a line of exactly
// 48 KiB, and stores nothing for its empty rest. mayBegin reports whether the entry may
// be a new line for that reason.
func (r *messageReader) isPiece(from origin, text []byte) (piece, mayBegin bool) {
	if len(r.unfinished) == 0 && !from.cut {
		return false, false
	}
	u := r.unfinished[from.key()]
	piece, mayBegin = u.cut, u.ended && !from.cut
	if piece && !from.cut && u.kind == requestLine {
		u.kind, u.lines = wholeLine, 0 // the request ended within the pieces
	}
	u.cut, u.ended = from.cut, false
	if from.cut {
		end, _ := lastEnd(stripColour(text))
		u.ended = end > 0
	}
	r.set(from, u)
	return piece, mayBegin
}

// readAfterCut parses an entry that may be the rest of a line of uvicorn's. uvicorn wrote
// the end of such a rest, so an access line in it has the status of its own request. A
// dated line ends in a client's text, so readAfterCut ignores it.
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

// goesOn reports whether a line continues one that its stream started before.
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
			return false // a line of the process's other stream: a traceback would end with an exception
		}
		r.sayErrors(line, objectOf(line), from.failed)
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

// begin records that a line of a stream is the first of several.
func (r *messageReader) begin(from origin, kind lineKind) {
	u := r.unfinished[from.key()]
	u.kind, u.lines = kind, 0
	r.set(from, u)
}

// set records how a stream continues.
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

// parseLine parses one line of the receiver. ok is false for a line without an outcome.
// object is nil unless the line is a JSON object.
func parseLine(line []byte, warning bool) (f outcome, ok bool, object *logObject) {
	if object = objectOf(line); object != nil {
		f, ok = object.outcome(warning)
		return f, ok, object
	}
	f, ok = parseText(line, warning)
	return f, ok, nil
}

// objectOf returns a line as a JSON object, or nil.
func objectOf(line []byte) *logObject {
	if line[0] == '{' {
		if l, ok := parseLogObject(line); ok {
			return &l
		}
	}
	return nil
}

// parseText parses a line that is not JSON.
func parseText(line []byte, warning bool) (f outcome, ok bool) {
	if a, ok := accessLine(line); ok {
		return a.put() // an access line of any method is no rejection
	}
	return rejection(line, warning)
}
