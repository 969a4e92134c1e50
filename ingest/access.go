package ingest

import (
	"bytes"
	"net/url"
)

// addressEnd separates the address from the request in uvicorn's access lines.
var addressEnd = []byte(` - "`)

// access is one access line of the receiver's web server.
type access struct {
	method, target []byte
	status         int32 // three digits; 100 to 599 if the request was answered
	decoded        bool  // the server logged the target percent-decoded
	client         []byte
	port           bool // client ends in a port
}

// accessLine parses a whole line in one of two forms, with any method:
//
//	PREFIX ADDRESS - "METHOD TARGET HTTP/V" STATUS REASON
//	PREFIX ADDRESS - USER [DATE] "METHOD TARGET V" STATUS SIZE "REFERER" "AGENT"
//
// uvicorn writes the first form, hypercorn and gunicorn the second. Loggers add
// PREFIX. A request may contain quotes, so the rest of the line must match its form.
// Otherwise a client could write a status into its own request.
func accessLine(text []byte) (a access, ok bool) {
	quote := openingQuote(text)
	if quote < 0 {
		return a, false
	}
	before, request := text[:quote], text[quote+1:]
	before, combined := cutDate(before)
	ending := lastEnd
	if combined {
		ending = worstEnd
	}
	end, status := ending(request)
	if end < 0 {
		return a, false
	}
	blank := bytes.IndexByte(request[:end], ' ')
	version := bytes.LastIndexByte(request[:end], ' ')
	if blank <= 0 || version <= blank {
		return a, false
	}
	a.method, a.target, a.status = request[:blank], request[blank+1:version], status
	// uvicorn logs the X-Forwarded-For header as the address. If that header contains
	// a request, the real end of the address follows it.
	if !combined && bytes.Contains(a.target, addressEnd) {
		return a, false
	}
	a.decoded = request[version+1] != 'H'
	if a.client, ok = parsePrefix(before); !ok {
		return a, false
	}
	a.port = !combined || a.decoded // gunicorn logs addresses without a port
	return a, true
}

// isUnfinished reports whether a dated access line ends within its request.
// hypercorn does not escape line ends in paths.
func isUnfinished(line []byte) bool {
	quote := openingQuote(line)
	if quote < 0 || bytes.IndexByte(line[quote+1:], '"') >= 0 || !isRequest(line[quote+1:]) {
		return false
	}
	before, dated := cutDate(line[:quote])
	_, ok := parsePrefix(before)
	return dated && ok
}

// openingQuote returns the offset of the quote that opens the request, or -1.
// It skips escaped quotes, because gunicorn escapes those in a user's name.
func openingQuote(text []byte) int {
	for from := 0; ; {
		i := bytes.IndexByte(text[from:], '"')
		if i < 0 {
			return -1
		}
		if from += i; from == 0 || text[from-1] != '\\' {
			return from
		}
		from++
	}
}

// cutDate removes ` - USER [DATE] ` from the end of b. It reports whether b had
// such an end. A client chooses USER, so USER may contain anything.
func cutDate(b []byte) (before []byte, ok bool) {
	const date = "[01/May/2026:12:00:00 +0000] "
	at := len(b) - len(date)
	if at < 0 || b[at] != '[' || b[at+3] != '/' || b[at+7] != '/' || b[at+21] != ' ' || b[len(b)-2] != ']' {
		return b, false
	}
	if dash := bytes.Index(b[:at], []byte(" - ")); dash >= 0 {
		return b[:dash], true
	}
	return b, false
}

// lastEnd returns the end of a request and its status if only a reason phrase
// follows. The last quote of such a line belongs to the request. end is -1 otherwise.
func lastEnd(request []byte) (end int, status int32) {
	end = bytes.LastIndexByte(request, '"')
	status, rest, ok := statusAfter(request, end)
	if !ok {
		return -1, 0
	}
	for _, c := range rest {
		if !(c|0x20 >= 'a' && c|0x20 <= 'z' || c == ' ' || c == '-' || c == '\'') {
			return -1, 0
		}
	}
	return end, status
}

// worstEnd returns the end of a request and its status if a size follows, or -1.
// A client chooses the path before the status and the agent after it, and hypercorn
// escapes neither. So of several possible ends, the one with the highest status
// counts: no client can make a refusal look like a success.
func worstEnd(request []byte) (end int, status int32) {
	end, status = -1, -1
	for from := 0; ; {
		i := bytes.IndexByte(request[from:], '"')
		if i < 0 {
			return end, status
		}
		at := from + i
		from = at + 1
		s, rest, ok := statusAfter(request, at)
		if !ok || s <= status || len(rest) < 2 {
			continue
		}
		size, _, _ := bytes.Cut(rest[1:], []byte(" "))
		if isNumber(size, "") || string(size) == "-" || string(size) == "None" {
			end, status = at, s
		}
	}
}

// statusAfter parses ` HTTP/1.1` or ` 1.1` before the quote at end, and ` 200` after
// it. rest is the text after the status.
func statusAfter(request []byte, end int) (status int32, rest []byte, ok bool) {
	if end < 0 || end+1 >= len(request) || request[end+1] != ' ' {
		return 0, nil, false
	}
	if status, rest, ok = cutStatus(request[end+2:]); !ok {
		return 0, nil, false
	}
	version := bytes.TrimPrefix(request[bytes.LastIndexByte(request[:end], ' ')+1:end], []byte("HTTP/"))
	return status, rest, isNumber(version, ".")
}

// cutStatus parses three digits at the start of b. A space or nothing must follow.
func cutStatus(b []byte) (status int32, rest []byte, ok bool) {
	if len(b) < 3 || len(b) > 3 && b[3] != ' ' {
		return 0, nil, false
	}
	for _, c := range b[:3] {
		if c < '0' || c > '9' {
			return 0, nil, false
		}
		status = status*10 + int32(c-'0')
	}
	return status, b[3:], true
}

// put returns the outcome of a host's PUT. ok is false for any other request, and
// for one without an answer: servers log that as 000.
func (a *access) put() (f outcome, ok bool) {
	if string(a.method) != "PUT" || a.status < 100 || a.status > 599 {
		return f, false
	}
	host, ok := episodeHost(a.target, a.decoded)
	if !ok {
		return f, false
	}
	return outcome{host: host, status: a.status, client: withoutPort(a.client, a.port)}, true
}

// episodeHost returns HOST of `/v1/episodes/HOST/NAME`. A root path may precede it.
// It accepts no other resource below v1, because its name may look like such a path.
func episodeHost(target []byte, decoded bool) (host string, ok bool) {
	path, query, _ := bytes.Cut(target, []byte("?"))
	rest, ok := bytes.CutPrefix(path, []byte("/"))
	for ok {
		var segment []byte
		segment, rest, ok = bytes.Cut(rest, []byte("/"))
		if !ok || !isSegment(segment, "v1") {
			continue
		}
		for ok && isSegment(segment, "v1") { // a root path may end in v1
			segment, rest, ok = bytes.Cut(rest, []byte("/"))
		}
		if !ok || !isSegment(segment, "episodes") {
			return "", false
		}
		segment, name, found := bytes.Cut(rest, []byte("/"))
		if !found || len(segment) == 0 || len(name)+len(query) == 0 {
			return "", false
		}
		if decoded {
			return string(segment), true
		}
		return unescapeHost(segment), true
	}
	return "", false
}

// isSegment reports whether a path segment equals name. A client may have
// percent-encoded the segment.
func isSegment(segment []byte, name string) bool {
	if string(segment) == name {
		return true
	}
	return bytes.IndexByte(segment, '%') >= 0 && unescapeHost(segment) == name
}

// unescapeHost decodes a path segment once. It returns an invalid one unchanged.
func unescapeHost(segment []byte) string {
	if bytes.IndexByte(segment, '%') >= 0 {
		if s, err := url.PathUnescape(string(segment)); err == nil {
			return s
		}
	}
	return string(segment)
}
