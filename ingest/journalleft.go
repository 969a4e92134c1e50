package ingest

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/cis490/fleet-health/store"
	"golang.org/x/sys/unix"
)

const (
	maxStderrLine = 8 << 10 // bytes of a line that are looked at
	maxLeftOut    = 1000    // files that are told apart; the others are one without a name
)

// journalctlSays takes what journalctl writes to stderr. journalctl ends with 0
// although it left files out. Its warnings name one file for each kind of error,
// and none that it may not open. Its debug messages name all of them, so
// runJournalctl asks for those.
type journalctlSays struct {
	mu   sync.Mutex
	line []byte            // the line that has no end yet
	kept []byte            // the first bytes of all messages that are not for debugging
	left map[string]string // the files that were left out, each with the reason; "" stands for those without a known name
}

// Write never fails: nobody reads the rest of journalctl's words.
func (s *journalctlSays) Write(p []byte) (int, error) {
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
func (s *journalctlSays) take() {
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
func (s *journalctlSays) leftOut() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.left)
}

// said quotes the messages: they may hold anything.
func (s *journalctlSays) said() string {
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

// missed is what journalctl left out of the journal since some time.
type missed struct {
	Since int64             `json:"since"` // what was written before it had been read; 0 for nothing
	Files map[string]string `json:"files"` // those that are still left out, each with the reason
	// Damaged are those of the files that are damaged, each with its mark: until
	// that changes, another reading comes to the same spot.
	Damaged map[string]string `json:"damaged,omitempty"`
	// Lost is a gap to note if the entry of Cursor does not come from any of them.
	Lost   *store.Gap `json:"lost,omitempty"`
	Cursor string     `json:"cursor,omitempty"`
}

// markOf tells a file from another one, and from itself once it has grown.
func markOf(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	id := identify(unix.AT_FDCWD, path)
	return fmt.Sprintf("%+v %d", id, info.Size())
}

// until returns up to when the files that are left out may hold entries, in
// microseconds: journald touches a file with each one that it writes.
func (m *missed) until(now int64) (at int64) {
	for path := range m.Files {
		info, err := os.Stat(path)
		if err != nil || info.IsDir() {
			return now
		}
		at = max(at, info.ModTime().UnixMicro())
	}
	return min(at, now)
}

// files returns the files that are left out; m may be nil.
func (m *missed) files() map[string]string {
	if m == nil {
		return nil
	}
	return m.Files
}

// clone returns a copy that shares nothing with m.
func (m *missed) clone() *missed {
	if m == nil {
		return nil
	}
	c := *m
	c.Files, c.Damaged = maps.Clone(m.Files), maps.Clone(m.Damaged)
	return &c
}

// mayHoldUnread reports whether a file that was left out may hold an entry that
// was written after since.
func mayHoldUnread(path string, since int64) bool {
	info, err := os.Stat(path)
	switch {
	case path == "":
		return true
	case errors.Is(err, fs.ErrNotExist):
		return false
	case err != nil || info.IsDir():
		return true
	}
	return info.ModTime().UnixMicro() >= since-store.FutureTolerance
}

// String says which files are left out, and why.
func (m *missed) String() string {
	paths := slices.Sorted(maps.Keys(m.Files))
	var names []string
	for _, path := range paths[:min(len(paths), 3)] {
		names = append(names, fmt.Sprintf("%q (%s)", path, strings.Trim(strconv.Quote(m.Files[path]), `"`)))
	}
	if more := len(paths) - len(names); more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	return "journalctl left out " + strings.Join(names, ", ")
}

// err says what to do about the files that are left out. It is ErrUnread, and
// fs.ErrPermission if this user may not read them.
func (m *missed) err() error {
	path := slices.Min(slices.Collect(maps.Keys(m.Files)))
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err == nil {
		f.Close()
	}
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("journal %w: %s: this user may not read it; add it to the group systemd-journal: %w", ErrUnread, m, err)
	case strings.Contains(m.Files[path], "oo many"): // open files, or journal files
		return fmt.Errorf("journal %w: %s; raise LimitNOFILE= of the service, or ulimit -n", ErrUnread, m)
	}
	return fmt.Errorf("journal %w: %s; it is read once journalctl can read it; to go on without it, move it out of its directory", ErrUnread, m)
}

// isOthers reports whether a file of the system's journal holds what another user's
// processes have written, and is not to be read by this one. Units are in system.journal.
func isOthers(path string) bool {
	if !strings.HasPrefix(filepath.Base(path), "user-") {
		return false
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err == nil {
		f.Close()
	}
	return errors.Is(err, fs.ErrPermission)
}
