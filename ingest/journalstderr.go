package ingest

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"sync"
)

const (
	maxStderrLine = 8 << 10 // bytes of a line that are looked at
	maxLeftOut    = 1000    // files that are told apart; the others are one without a name
)

// journalctlStderr takes what journalctl writes to stderr. journalctl ends with 0
// although it left files out. Its warnings name one file for each kind of error,
// and none that it may not open. Its debug messages name all of them, so
// runJournalctl asks for those.
type journalctlStderr struct {
	mu   sync.Mutex
	line []byte            // the line that has no end yet
	kept []byte            // the first bytes of all messages that are not for debugging
	left map[string]string // the files that were left out, each with the reason; "" stands for those without a known name
}

// Write never fails: nobody reads the rest of journalctl's words.
func (s *journalctlStderr) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for rest := p; len(rest) > 0; {
		line, after, ended := bytes.Cut(rest, []byte("\n"))
		s.line = append(s.line, line[:min(len(line), maxStderrLine-len(s.line))]...)
		if rest = after; ended {
			s.take()
		}
	}
	return len(p), nil
}

// take reads the line that has ended. A message begins with its priority, as in
// "<31>": the lowest three bits are 7 for debugging.
func (s *journalctlStderr) take() {
	line := string(s.line)
	s.line = s.line[:0]
	debug := false
	if number, text, ok := strings.Cut(strings.TrimPrefix(line, "<"), ">"); ok && line != "" && line[0] == '<' && len(number) <= 3 {
		var priority int
		if _, err := fmt.Sscanf(number, "%d", &priority); err == nil {
			line, debug = text, priority&7 == 7
		}
	}
	if path, reason, ok := parseLeftOut(line); ok {
		if s.left == nil {
			s.left = map[string]string{}
		}
		if _, known := s.left[path]; !known && len(s.left) >= maxLeftOut {
			path = ""
		}
		s.left[path] = reason
	}
	if !debug {
		line += "\n"
		s.kept = append(s.kept, line[:min(len(line), 200-len(s.kept))]...)
	}
}

// leftOut returns the files that were left out until now.
func (s *journalctlStderr) leftOut() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.left)
}

// quoted quotes the messages: they may hold anything.
func (s *journalctlStderr) quoted() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.line) > 0 {
		s.take()
	}
	if message := bytes.TrimSpace(s.kept); len(message) > 0 {
		return fmt.Sprintf(": %q", message)
	}
	return ""
}

// parseLeftOut returns the file that a message says was left out, and the reason.
// path is "" if the message does not name the file in a known way.
func parseLeftOut(line string) (path, reason string, ok bool) {
	for _, form := range [...]struct{ before, after, reason string }{
		// For debugging, one for each file.
		{"Failed to open journal file ", ": ", ""},
		{"Failed to open directory '", "': ", ""},
		{"Failed to open root directory ", ": ", ""},
		{"Can't iterate through ", ", ignoring: ", damaged},
		{"Too many open journal files, not adding ", ".", "too many journal files"},
		// Warnings, one for each kind of error.
		{"Journal file ", " is truncated, ignoring file", "is truncated"},
		{"Journal file ", " uses an unsupported feature, ignoring file", "uses an unsupported feature"},
		{"Journal file ", " corrupted, ignoring file", "is corrupted"},
		{"An error was encountered while opening journal file or directory ", ", ignoring file: ", ""},
	} {
		rest, found := strings.CutPrefix(line, form.before)
		if at := strings.LastIndex(rest, form.after); found && at >= 0 {
			path, reason = rest[:at], cmp.Or(form.reason, rest[at+len(form.after):])
			break
		}
	}
	if _, rest, found := strings.Cut(line, " in scope, ignoring file '"); found {
		path, reason = strings.TrimRight(rest, "'."), "too many journal files"
	}
	if path == "" {
		return "", line, strings.Contains(line, "ignoring file")
	}
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	return path, reason, true
}

// damaged is the reason of a file that journalctl reads up to a damaged spot.
const damaged = "is damaged"
