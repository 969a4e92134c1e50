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
	maxStderrLine = 8 << 10 // bytes examined of a line
	maxLeftOut    = 1000    // files listed by name; "" stands for any others
)

// journalctlStderr parses the messages of journalctl. journalctl exits with 0 even if it
// leaves out files. Its warnings name one file for each kind of error, and never a file
// without read permission. Its debug messages name all of them, so runJournalctl turns
// those on.
type journalctlStderr struct {
	mu   sync.Mutex
	line []byte            // the unfinished line
	kept []byte            // the first bytes of all messages except debug messages
	left map[string]string // left-out files, each with the reason; "" stands for those without a known name
}

// Write always succeeds, so that journalctl never waits for it.
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

// take parses the finished line. A message starts with its priority, as in "<31>". The
// lowest three bits are 7 for debug messages.
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

// leftOut returns the files left out so far, each with the reason.
func (s *journalctlStderr) leftOut() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.left)
}

// quoted returns the messages, quoted because they may contain anything.
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

// parseLeftOut returns the left-out file that a message names, and the reason. path is ""
// if the message does not name the file in a known form.
func parseLeftOut(line string) (path, reason string, ok bool) {
	for _, form := range [...]struct{ before, after, reason string }{
		// Debug messages: one for each file.
		{"Failed to open journal file ", ": ", ""},
		{"Failed to open directory '", "': ", ""},
		{"Failed to open root directory ", ": ", ""},
		{"Can't iterate through ", ", ignoring: ", damaged},
		{"Too many open journal files, not adding ", ".", "too many journal files"},
		// Warnings: one for each kind of error.
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

// damaged is the reason for a file that journalctl reads up to a damaged place.
const damaged = "is damaged"
