package ingest

import (
	"bytes"
	"strings"
)

var (
	missingMark = []byte("missing x-cis490-code-commit")
	hostMark    = []byte("host=")
)

// rejection parses a line that is not an access line. A rejection names a host as
// `host=HOST`, and is a warning or reports a missing code commit. All of that must be
// the receiver's own words, because messages quote paths, queries and whole request
// lines of clients. warning reports whether the entry has priority warning or worse.
func rejection(text []byte, warning bool) (f outcome, ok bool) {
	if !bytes.Contains(text, hostMark) || isException(text) || isContinued(text) || endsAsAccessLine(text) {
		return f, false
	}
	w := wordsOf(text)
	if f.unstamped = saysMissing(w.unforged); !f.unstamped && !warning && !saysWarning(w.own) {
		return f, false
	}
	f.host, ok = w.host()
	f.message = text
	return f, ok
}

// endsAsAccessLine reports whether a line ends like uvicorn's access lines. A client may
// have chosen the text before the request, through X-Forwarded-For.
func endsAsAccessLine(text []byte) bool {
	end, _ := lastEnd(text)
	return end > 0 && bytes.Contains(text[:end], addressEnd)
}

// isContinued reports whether a line continues the previous one: it is indented and does
// not start with a level.
func isContinued(text []byte) bool {
	if text[0] != ' ' && text[0] != '\t' {
		return false
	}
	first, _ := cutWord(bytes.TrimLeft(text, " \t"))
	return !isKnown(bytes.Trim(first, "[]<>:|"))
}

// isException reports whether a line looks like the last one of a Python traceback:
// `h11.RemoteProtocolError: …`.
func isException(text []byte) bool {
	name, after, _ := bytes.Cut(text, []byte(":"))
	if len(after) > 0 && after[0] != ' ' || !consistsOf(name, "._") {
		return false
	}
	dot := bytes.LastIndexByte(name, '.')
	class := string(name[dot+1:])
	if dot > 0 && (strings.HasSuffix(class, "error") || class == "timeout") {
		return true
	}
	if class == "" || class[0] < 'A' || class[0] > 'Z' || strings.ToUpper(class) == class && isKnown(name[dot+1:]) {
		return false
	}
	// A logger may be named like a class. Then a level follows.
	if level, _ := cutWord(bytes.TrimLeft(after, " ")); dot > 0 && isKnown(bytes.Trim(level, "[]:|")) {
		return false
	}
	if dot > 0 || class == "Exception" {
		return true
	}
	for _, suffix := range []string{"Error", "Exception", "Exit", "Interrupt", "Warning"} {
		if len(class) > len(suffix) && strings.HasSuffix(class, suffix) {
			return true
		}
	}
	return false
}

// host returns HOST of the first `host=HOST` or `host="HOST"` in the line's own words. It
// cuts HOST at white space and trims commas. After a path or query, HOST must be the host
// of that path, because the end of a decoded path is unknown.
func (w *words) host() (string, bool) {
	for from := 0; ; {
		i := bytes.Index(w.own[from:], hostMark)
		if i < 0 {
			return "", false
		}
		at := from + i
		from = at + len(hostMark)
		value := hostValue(w.text[from:])
		if len(value) == 0 || w.path >= 0 && at > w.path && string(value) != w.pathHost {
			continue
		}
		return string(value), true
	}
}

func hostValue(text []byte) []byte {
	if len(text) > 0 && (text[0] == '"' || text[0] == '\'') {
		if end := bytes.IndexByte(text[1:], text[0]); end > 0 {
			return text[1 : 1+end]
		}
	}
	if end := bytes.IndexFunc(text, isSpace); end >= 0 {
		text = text[:end]
	}
	return bytes.TrimRight(text, ",")
}

// saysWarning reports whether text contains the word WARNING.
func saysWarning(text []byte) bool {
	const word = "WARNING"
	for {
		i := bytes.Index(text, []byte(word))
		if i < 0 {
			return false
		}
		rest := text[i+len(word):]
		if (i == 0 || !consistsOf(text[i-1:i], "_")) && (len(rest) == 0 || !consistsOf(rest[:1], "_")) {
			return true
		}
		text = rest
	}
}

// saysMissing reports whether text contains missingMark in any case. It searches for
// hyphens, because few lines have one.
func saysMissing(text []byte) bool {
	const before = len("missing x")
	for from := before; from < len(text); {
		hyphen := bytes.IndexByte(text[from:], '-')
		if hyphen < 0 {
			return false
		}
		start := from + hyphen - before
		if end := start + len(missingMark); end <= len(text) && bytes.EqualFold(text[start:end], missingMark) {
			return true
		}
		from += hyphen + 1
	}
	return false
}
