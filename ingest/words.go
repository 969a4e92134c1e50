package ingest

import "bytes"

// words separates the receiver's own words in a line from those of clients. own and
// unforged are as long as text, with hidden bytes set to 0. own hides all quoted text.
// unforged hides only text that may be a client's: paths, queries, request lines, and
// bytes as Python prints them.
type words struct {
	text, own, unforged []byte
	path                int    // offset of the first path or query, -1 if there is none
	pathHost            string // host of the last path; "" if there is none
}

func wordsOf(text []byte) *words {
	w := &words{text: text, own: bytes.Clone(text), unforged: bytes.Clone(text), path: -1}
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == '"' || c == '\'':
			i = w.quoted(i)
		case c == ' ' || c == '\t':
			i++
		default:
			i = w.word(i)
		}
	}
	return w
}

// hide marks a part of the text as a client's.
func (w *words) hide(from, to int) {
	blank(w.own[from:to])
	blank(w.unforged[from:to])
}

func blank(b []byte) {
	for i := range b {
		b[i] = 0
	}
}

// quoted handles the quoted text at i and returns the offset of its end.
func (w *words) quoted(i int) int {
	text, mark := w.text, w.text[i]
	switch {
	case mark == '"' && endsRequest(text, i):
		// The request started before i.
		w.hide(0, i+1)
		return i + 1
	case mark == '\'' && i > 0 && consistsOf(text[i-1:i], "") && !isBytes(text[:i]):
		return i + 1 // an apostrophe
	}
	end := i + 1
	if isRequest(text[end:]) {
		// A query may contain quotes: the last one after a version ends the request.
		for end = len(text) - 1; end > i && !(text[end] == mark && endsRequest(text, end)); end-- {
		}
		if end == i {
			end = len(text)
		}
	} else {
		for end < len(text) && text[end] != mark {
			if text[end] == '\\' {
				end++
			}
			end++
		}
	}
	if end >= len(text) {
		// An apostrophe, or a sign for inches.
		inches := i > 0 && text[i-1] >= '0' && text[i-1] <= '9'
		if (mark == '\'' || inches) && !isBytes(text[:i]) {
			return i + 1
		}
		w.hide(i, len(text))
		return len(text)
	}
	content := text[i+1 : end]
	foreign := isRequest(content) || isPath(content)
	if foreign {
		w.sawPath(i, content)
	}
	if foreign || isBytes(text[:i]) {
		w.hide(i, end+1)
	} else {
		blank(w.own[i : end+1])
	}
	return end + 1
}

// word handles the unquoted text at i, up to a space or a quote, and returns the offset
// of its end. Text after host= is not a path.
func (w *words) word(i int) int {
	text := w.text
	end := i
	for end < len(text) && text[end] != ' ' && text[end] != '\t' && text[end] != '"' && text[end] != '\'' {
		end++
	}
	if isRequest(text[i:]) {
		// GET /path HTTP/1.1 without quotes. Its version ends it.
		if version := bytes.LastIndex(text[i:], []byte(" HTTP/")); version > 0 {
			stop := i + version + len(" HTTP/")
			w.sawPath(i, text[i:stop])
			w.hide(i, stop)
			return stop
		}
	}
	part := text[i:end]
	if host := bytes.Index(part, hostMark); host >= 0 {
		part = part[:host]
	}
	if isPath(part) {
		w.sawPath(i, part)
		w.hide(i, end)
	}
	return end
}

// sawPath records that a client's path or query starts at i.
func (w *words) sawPath(i int, path []byte) {
	if w.path < 0 {
		w.path = i
	}
	w.pathHost = ""
	if slash := bytes.IndexByte(path, '/'); slash >= 0 {
		path, _ = cutWord(path[slash:])
		w.pathHost, _ = episodeHost(path, false)
	}
}

// isPath reports whether a text looks like a path, a URL or a query. It has a slash at
// the start of a name, a percent-encoded byte, or ? or & before another character.
func isPath(b []byte) bool {
	for i, c := range b {
		switch c {
		case '/':
			if i == 0 || !consistsOf(b[i-1:i], ".") {
				return true
			}
		case '%':
			if i+2 < len(b) && isHex(b[i+1]) && isHex(b[i+2]) {
				return true
			}
		case '?', '&':
			if i+1 < len(b) && b[i+1] != ' ' {
				return true
			}
		}
	}
	return false
}

func isHex(c byte) bool { return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f' }

// isRequest reports whether a text starts like a request line: a method in capitals,
// then a target.
func isRequest(b []byte) bool {
	method, target := cutWord(b)
	if len(method) < 3 || len(target) == 0 {
		return false
	}
	for _, c := range method {
		if c < 'A' || c > 'Z' {
			return false
		}
	}
	return target[0] == '/' || target[0] == '*' || bytes.HasPrefix(target, []byte("http"))
}

// endsRequest reports whether the quote at end follows a version, as in a request line.
func endsRequest(text []byte, end int) bool {
	if _, _, ok := statusAfter(text, end); ok {
		return true
	}
	digits := bytes.TrimRight(text[:end], "0123456789.")
	return len(digits) < end && bytes.HasSuffix(digits, []byte(" HTTP/"))
}

// hasRequestEnd reports whether text contains the end of a request line.
func hasRequestEnd(text []byte) bool {
	for i, c := range text {
		if c == '"' && endsRequest(text, i) {
			return true
		}
	}
	return false
}

// isBytes reports whether a text ends in the prefix of a Python bytes literal.
func isBytes(b []byte) bool {
	n := len(b)
	return n > 0 && b[n-1]|0x20 == 'b' && (n == 1 || !consistsOf(b[n-2:n-1], "_") || bytes.HasSuffix(bytes.ToLower(b), []byte("rb")))
}
