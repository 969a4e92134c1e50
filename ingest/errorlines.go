package ingest

import (
	"bytes"

	"github.com/cis490/fleet-health/store"
)

// errorLine is one error of the receiver, in its own words.
type errorLine struct {
	kind string // store.KindError or store.KindTraceback
	text []byte // valid until the next line
}

// errorOf returns the error in a line that is neither part of another line nor cut.
// failed means that the line's entry has priority err or worse.
//
// It looks at the line alone, so that a pass that starts within a traceback finds the
// same errors. A line counts if a logger put level ERROR or worse before the message, if
// it has no level and failed is true, or if it is the last one of a traceback. An access
// line never counts: a client chooses its text.
func errorOf(line []byte, failed bool) (e errorLine, ok bool) {
	switch level, message := cutLevel(line); {
	case level == levelError:
		e = errorLine{store.KindError, afterLevel(message)}
	case level == levelOther:
		return e, false
	case isLastOfTraceback(line):
		e = errorLine{store.KindTraceback, exceptionOf(line)}
	case failed && !isOfTraceback(line):
		e = errorLine{store.KindError, line}
	default:
		return e, false
	}
	return e, len(e.text) > 0 && !quotesRequest(line)
}

// quotesRequest reports whether a line has the form of an access line, whole or cut: the
// request is quoted after an address, or after a user and a date.
func quotesRequest(line []byte) bool {
	if _, ok := accessLine(line); ok || endsAsAccessLine(line) {
		return true
	}
	quote := openingQuote(line)
	if quote < 0 || !isRequest(line[quote+1:]) {
		return false
	}
	before, dated := cutDate(line[:quote])
	if dated {
		return true
	}
	_, ok := parsePrefix(before)
	return ok
}

// isLastOfTraceback reports whether a line ends a traceback, or a part of an exception
// group. A logger of a server is named like a class: `uvicorn.error: …`.
func isLastOfTraceback(line []byte) bool {
	line = exceptionOf(line)
	if len(line) == 0 || !isException(line) {
		return false
	}
	name, _, _ := bytes.Cut(line, []byte(":"))
	server, logger, _ := bytes.Cut(name, []byte("."))
	return string(logger) != "error" || !isKnown(server)
}

// isOfTraceback reports whether a line stands in a traceback before its last line.
func isOfTraceback(line []byte) bool {
	for _, start := range []string{" ", "\t", string(traceback), "During handling of the above exception", "The above exception was"} {
		if bytes.HasPrefix(line, []byte(start)) {
			return true
		}
	}
	return false
}

// exceptionOf removes the frame that Python draws around an exception group:
// `  | OSError: …`. It returns nil for another indented line.
func exceptionOf(line []byte) []byte {
	if line[0] != ' ' && line[0] != '\t' {
		return line
	}
	line, ok := bytes.CutPrefix(bytes.TrimLeft(line, " \t"), []byte("| "))
	if !ok || len(line) == 0 || line[0] == ' ' {
		return nil
	}
	return line
}

// level is the level of a line, as far as it matters here.
type level uint8

const (
	levelNone level = iota
	levelOther
	levelError // ERROR or worse
)

// cutLevel returns the level that a logger put before the message, and the text after it.
// Only times, numbers, names of loggers and one other name may precede the level, because
// clients may choose the words of a message.
func cutLevel(line []byte) (l level, message []byte) {
	if line[0] == ' ' || line[0] == '\t' {
		return levelNone, nil // loggers do not indent, tracebacks do
	}
	for at, names := 0, 0; at < len(line); {
		word, _ := cutWord(line[at:])
		if l, end := levelIn(word); l != levelNone {
			return l, line[at+end:]
		}
		if at += len(word) + 1; len(word) == 0 || isLogged(word) {
			continue
		}
		if names++; names > 1 || !consistsOf(trimPunctuation(word), "._-:") {
			break
		}
	}
	return levelNone, nil
}

// levelIn returns the level in a word, such as ERROR, [error or ERROR:receiver:x, and the
// offset of its end. A logger, not a sentence, must have written it: in capitals, in
// brackets, or before a colon.
func levelIn(word []byte) (l level, end int) {
	start := 0
	for start < len(word) && isPunctuation(word[start]) {
		start++
	}
	capitals := true
	for end = start; end < len(word) && word[end]|0x20 >= 'a' && word[end]|0x20 <= 'z'; end++ {
		capitals = capitals && word[end] < 'a'
	}
	before := end < len(word) && (isPunctuation(word[end]) || word[end] == '/')
	if end < len(word) && !before || !capitals && word[0] != '[' && !(before && word[end] == ':') {
		return levelNone, 0
	}
	return levelOf(word[start:end]), end
}

// levelOf returns the level that a word names, in any case.
func levelOf(name []byte) level {
	var folded [8]byte
	if len(name) < len("info") || len(name) > len(folded) {
		return levelNone
	}
	for i, c := range name {
		folded[i] = c | 0x20
	}
	switch string(folded[:len(name)]) {
	case "error", "critical", "fatal":
		return levelError
	case "trace", "debug", "info", "notice", "success", "warn", "warning":
		return levelOther
	}
	return levelNone
}

// afterLevel removes punctuation and times from the start of a message.
func afterLevel(text []byte) []byte {
	for {
		text = bytes.TrimLeft(text, " \t]|:-")
		word, rest := cutWord(text)
		if !isTime(trimPunctuation(word)) {
			return text
		}
		text = rest
	}
}

// isTime reports whether a word is a date or a time: 2026-05-01, 12:00:00,123.
func isTime(word []byte) bool {
	if len(word) == 0 || word[0] < '0' || word[0] > '9' {
		return false
	}
	return isNumber(word, "-:.,TZ+") && (bytes.Count(word, []byte("-")) > 1 || bytes.Count(word, []byte(":")) > 1)
}

// longNumber is the number of digits from which a number is left out of a text: process
// numbers, ports of clients, times. Errno, status and line numbers are shorter.
const longNumber = 5

// normal returns a text with # for each long number, so that the same error has the same
// text each time. The rest of the text is unchanged, up to the length that is stored.
func normal(text []byte) []byte {
	text = bytes.TrimSpace(text[:min(len(text), 4*maxMessage)])
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); {
		n, digits := numberLength(text[i:])
		switch {
		case n == 0:
			out = append(out, text[i])
			n = 1
		case digits >= longNumber:
			out = append(out, '#')
		default:
			out = append(out, text[i:i+n]...)
		}
		i += n
	}
	return out
}

// numberLength returns the length of the number at the start of text, or of letters
// without digits. Hexadecimal digits, such as an address, are a long number if there are
// at least 8.
func numberLength(text []byte) (n, digits int) {
	decimal := 0
	for n < len(text) && isHex(text[n]) {
		if text[n] <= '9' {
			decimal++
		}
		n++
	}
	switch {
	case decimal == 0:
		return n, 0
	case n >= 8:
		return n, longNumber
	}
	for n = 0; n < len(text) && text[n] >= '0' && text[n] <= '9'; n++ {
	}
	return n, n
}
