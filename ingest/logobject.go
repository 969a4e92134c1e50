package ingest

import (
	"bytes"
	"slices"
	"strings"
)

// logObject is a line written by a JSON logger. Clients choose values in it. They choose
// names of members only in objects that are ignored, such as headers.
type logObject struct {
	messages                                       [][]byte
	level, request, method, target, status, client logField
	trace                                          logField // a traceback
	port                                           bool     // the client has a port, as in uvicorn's client_addr
}

// logField is a value that several members may set.
type logField struct {
	value []byte
	own   bool // set by a member of the object itself, not of a nested one
}

// set stores the first value that is not empty. A member of the object itself overrides
// one of a nested object.
func (f *logField) set(value []byte, own bool) (taken bool) {
	if len(value) == 0 || f.value != nil && (f.own || !own) {
		return false
	}
	*f = logField{value, own}
	return true
}

// logParts are the names of nested objects whose members are read, too.
var logParts = []string{"http", "request", "response", "req", "res", "url", "client", "network", "log"}

const (
	maxLogParts    = 3 // nesting depth: http.response.status_code
	maxLogMessages = 4 // messages read of one object
)

// parseLogObject parses a JSON object. ok is false for anything else.
func parseLogObject(line []byte) (l logObject, ok bool) {
	s := scanner{b: line}
	return l, s.object(func(name, value []byte, k kind) { l.member("", name, value, k, maxLogParts) }) && s.atEnd()
}

// member handles a member of the object, or of the nested object part.
func (l *logObject) member(part string, name, value []byte, k kind, depth int) {
	// Some loggers join nested names: http.request.method.
	key := strings.ToLower(string(name[bytes.LastIndexByte(name, '.')+1:]))
	if k == kindObject {
		if depth > 0 && slices.Contains(logParts, key) {
			s := scanner{b: value}
			s.object(func(name, value []byte, k kind) { l.member(key, name, value, k, depth-1) })
		}
		return
	}
	if k == kindString {
		value = unquote(value)
	}
	own := part == ""
	switch key {
	case "status", "status_code", "statuscode", "response_status":
		if _, _, ok := cutStatus(value); ok {
			l.status.set(value, own)
		}
		return
	}
	if k != kindString {
		return
	}
	switch key {
	case "message", "msg", "event", "text":
		if len(l.messages) < maxLogMessages {
			l.messages = append(l.messages, value)
		}
	case "level", "levelname", "severity":
		l.level.set(value, own)
	case "exc_info", "exc_text", "exception", "traceback", "stack_trace", "stacktrace":
		l.trace.set(value, own)
	case "request_line", "requestline", "request":
		l.request.set(value, own)
	case "method", "request_method", "http_method":
		l.method.set(value, own)
	case "path", "url", "target", "uri", "request_uri", "request_path", "full_path", "original":
		l.target.set(value, own)
	case "client", "client_addr", "client_ip", "remote_addr", "remote_ip", "ip", "address":
		if l.client.set(value, own) {
			l.port = key == "client_addr" || bytes.Count(value, []byte(":")) == 1
		}
	}
}

// outcome returns the outcome of a host's PUT. A message that is a rejection comes
// first, then members, then a message that is an access line.
func (l *logObject) outcome(warning bool) (f outcome, ok bool) {
	warning = warning || saysWarning(bytes.ToUpper(l.level.value))
	for _, message := range l.messages {
		o, found := messageOutcome(message, warning)
		if found && o.status == 0 {
			return o, true
		}
		if found && !ok {
			f, ok = o, true
		}
	}
	if a, answered := l.access(); answered {
		return a.put()
	}
	return f, ok
}

// access returns the request that the members of an object describe. ok is false if there
// is none, or no answer to it.
func (l *logObject) access() (a access, ok bool) {
	a = access{method: l.method.value, target: l.target.value, client: l.client.value, port: l.port}
	if request := l.request.value; len(request) > 0 && len(a.method) == 0 {
		a.method, request = cutWord(request)
		a.target = request[:max(0, bytes.LastIndexByte(request, ' '))]
	}
	if _, path, ok := bytes.Cut(a.target, []byte("://")); ok && a.target[0] != '/' {
		a.target = path[max(0, bytes.IndexByte(path, '/')):]
	}
	a.status, _, ok = cutStatus(l.status.value)
	return a, ok && len(a.method) > 0 && len(a.target) > 0
}

// messageOutcome returns the outcome in the first line of a message that has one. It
// stops at a traceback.
func messageOutcome(message []byte, warning bool) (f outcome, ok bool) {
	for len(message) > 0 {
		var line []byte
		line, message, _ = bytes.Cut(message, []byte("\n"))
		if bytes.HasPrefix(line, traceback) {
			break
		}
		if line = bytes.TrimRight(line, "\r"); len(line) == 0 {
			continue
		}
		if f, ok = parseText(stripColour(line), warning); ok {
			break
		}
	}
	return f, ok
}
