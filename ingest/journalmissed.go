package ingest

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/cis490/fleet-health/store"
	"golang.org/x/sys/unix"
)

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

// fingerprint tells a file from another one, and from itself once it has grown.
func fingerprint(path string) string {
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

// back returns the files that are left out no longer, sorted, given those that
// journalctl leaves out now. One with a damaged spot counts once it has changed.
func (m *missed) back(left map[string]string) (paths []string) {
	for path := range m.Files {
		_, still := left[path]
		before, spot := m.Damaged[path]
		if !still && !(spot && before == fingerprint(path)) {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return paths
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

// isOtherUsers reports whether a file of the system's journal holds what another user's
// processes have written, and is not to be read by this one. Units are in system.journal.
func isOtherUsers(path string) bool {
	if !strings.HasPrefix(filepath.Base(path), "user-") {
		return false
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err == nil {
		f.Close()
	}
	return errors.Is(err, fs.ErrPermission)
}
