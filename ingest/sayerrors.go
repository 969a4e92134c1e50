package ingest

import (
	"bytes"

	"github.com/cis490/fleet-health/store"
)

// sayErrors reports the errors in a line. object is the line as a JSON object, or nil.
func (r *messageReader) sayErrors(line []byte, object *logObject, failed bool) {
	if r.say == nil {
		return
	}
	if object != nil {
		r.sayObject(object, failed)
	} else if w, ok := errorOf(line, failed); ok {
		r.say(w)
	}
}

// sayObject reports the error that a JSON object describes, and its tracebacks.
func (r *messageReader) sayObject(l *logObject, failed bool) {
	_, done := l.access()
	for _, message := range l.messages {
		line, rest, _ := bytes.Cut(message, []byte("\n"))
		line = bytes.TrimRight(stripColour(line), "\r")
		if e, ok := l.errorIn(line, failed); ok && !done {
			r.say(e)
			done = true
		}
		r.sayLast(rest)
	}
	r.sayLast(l.trace.value)
}

// errorIn returns the error in the first line of a message. The level of the object comes
// before one in the line.
func (l *logObject) errorIn(line []byte, failed bool) (e errorLine, ok bool) {
	if len(line) == 0 {
		return e, false
	}
	switch levelOf(l.level.value) {
	case levelOther:
		return e, false
	case levelError:
		if e, ok = errorOf(line, true); !ok {
			e, ok = errorLine{store.KindError, line}, !quotesRequest(line)
		}
		return e, ok
	}
	return errorOf(line, failed)
}

// sayLast reports the last lines of the tracebacks in a text.
func (r *messageReader) sayLast(text []byte) {
	if r.say == nil {
		return
	}
	for len(text) > 0 {
		var line []byte
		line, text, _ = bytes.Cut(text, []byte("\n"))
		line = bytes.TrimRight(stripColour(line), "\r")
		if len(line) > 0 && isLastOfTraceback(line) && !quotesRequest(line) {
			r.say(errorLine{store.KindTraceback, exceptionOf(line)})
		}
	}
}
