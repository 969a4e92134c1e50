package ingest

import (
	"bytes"
	"strings"
)

// logObject is a line that a JSON logger wrote. Clients write values in it, but
// names of members only in objects that are not looked at, such as headers.
type logObject struct {
	message, level, request, method, target, status, client []byte
	port                                                    bool // client ends in a port, as uvicorn's client_addr
}

// logParts are the members whose own members are looked at, too.
var logParts = []string{"http", "request", "response", "req", "res", "url", "client", "network", "log"}

// maxLogParts bounds how deep they nest: http.response.status_code.
const maxLogParts = 3

// parseLogObject reads a JSON object. Its strings are as they stand in it.
func parseLogObject(line []byte) (l logObject, ok bool) {
	s := scanner{b: line}
	return l, s.object(func(name, value []byte, k kind) { l.member("", name, value, k, maxLogParts) }) && s.atEnd()
}

// member takes a member. Of several that say the same, the first counts; one of
// the object itself comes before one of a part of it.
func (l *logObject) member(part string, name, value []byte, k kind, depth int) {
	// Some loggers write nested names in one: http.request.method.
	key := strings.ToLower(string(name[bytes.LastIndexByte(name, '.')+1:]))
	if k == kindObject && depth > 0 {
		for _, p := range logParts {
			if key == p {
				s := scanner{b: value}
				s.object(func(name, value []byte, k kind) { l.member(key, name, value, k, depth-1) })
			}
		}
		return
	}
	if k == kindString {
		value = unquote(value)
	}
	var field *[]byte
	switch key {
	case "message", "msg", "event", "text":
		field = &l.message
	case "level", "levelname", "severity":
		field = &l.level
	case "request_line", "requestline", "request":
		field = &l.request
	case "method", "request_method", "http_method":
		field = &l.method
	case "path", "url", "target", "uri", "request_uri", "request_path", "full_path", "original":
		field = &l.target
	case "status", "status_code", "statuscode", "response_status":
		field = &l.status
	case "client", "client_addr", "client_ip", "remote_addr", "remote_ip", "ip", "address":
		field, l.port = &l.client, key == "client_addr" || bytes.Count(value, []byte(":")) == 1
	default:
		return
	}
	if k == kindString || k == kindOther && field == &l.status {
		if len(*field) == 0 || part == "" {
			*field = value
		}
	}
}

// finding returns what the object says of a host's PUT: as members, or as a
// message that is an access line or a rejection.
func (l *logObject) finding(warning bool) (f finding, ok bool) {
	a := access{method: l.method, target: l.target, client: l.client, port: l.port}
	if request := l.request; len(request) > 0 && len(l.method) == 0 {
		a.method, request = cutWord(request)
		a.target = request[:max(0, bytes.LastIndexByte(request, ' '))]
	}
	if _, path, ok := bytes.Cut(a.target, []byte("://")); ok && a.target[0] != '/' {
		a.target = path[max(0, bytes.IndexByte(path, '/')):]
	}
	if a.status, _, ok = cutStatus(l.status); ok && len(a.method) > 0 && len(a.target) > 0 {
		return a.put()
	}
	warning = warning || saysWarning(bytes.ToUpper(l.level))
	for message := l.message; len(message) > 0; {
		var line []byte
		line, message, _ = bytes.Cut(message, []byte("\n"))
		if bytes.HasPrefix(line, traceback) {
			break
		}
		if line = bytes.TrimRight(line, "\r"); len(line) > 0 {
			if f, ok = parseText(stripColour(line), warning); ok {
				break
			}
		}
	}
	return f, ok
}
