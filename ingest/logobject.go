package ingest

import (
	"bytes"
	"slices"
	"strings"
)

// logObject is a line that a JSON logger wrote. Clients write values in it, but
// names of members only in objects that are not looked at, such as headers.
type logObject struct {
	messages                                       [][]byte
	level, request, method, target, status, client logField
	port                                           bool // client ends in a port, as uvicorn's client_addr
}

// logField is what several members may say.
type logField struct {
	value []byte
	own   bool // a member of the object itself said it, not one of a part
}

// set takes a value: the first that is not empty, and one of the object itself
// rather than one of a part.
func (f *logField) set(value []byte, own bool) (taken bool) {
	if len(value) == 0 || f.value != nil && (f.own || !own) {
		return false
	}
	*f = logField{value, own}
	return true
}

// logParts are the members whose own members are looked at, too.
var logParts = []string{"http", "request", "response", "req", "res", "url", "client", "network", "log"}

const (
	maxLogParts    = 3 // bounds how deep they nest: http.response.status_code
	maxLogMessages = 4 // of an object are looked at
)

// parseLogObject reads a JSON object. Its strings are as they stand in it.
func parseLogObject(line []byte) (l logObject, ok bool) {
	s := scanner{b: line}
	return l, s.object(func(name, value []byte, k kind) { l.member("", name, value, k, maxLogParts) }) && s.atEnd()
}

// member takes a member of the object, or of a part of it.
func (l *logObject) member(part string, name, value []byte, k kind, depth int) {
	// Some loggers write nested names in one: http.request.method.
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

// outcome returns what the object says of a host's PUT: in a message that is a
// rejection, as members, or in a message that is an access line.
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
	a := access{method: l.method.value, target: l.target.value, client: l.client.value, port: l.port}
	if request := l.request.value; len(request) > 0 && len(a.method) == 0 {
		a.method, request = cutWord(request)
		a.target = request[:max(0, bytes.LastIndexByte(request, ' '))]
	}
	if _, path, ok := bytes.Cut(a.target, []byte("://")); ok && a.target[0] != '/' {
		a.target = path[max(0, bytes.IndexByte(path, '/')):]
	}
	var answered bool
	if a.status, _, answered = cutStatus(l.status.value); answered && len(a.method) > 0 && len(a.target) > 0 {
		return a.put()
	}
	return f, ok
}

// messageOutcome returns what the first line of a message says that says something of a
// host's PUT, before any traceback.
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
