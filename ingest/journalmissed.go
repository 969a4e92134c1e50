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

// missed describes the files that journalctl left out.
type missed struct {
	Since int64             `json:"since"` // time up to which the journal had been read before, in microseconds; 0 for never
	Files map[string]string `json:"files"` // left-out files, each with the reason
	// Damaged holds the fingerprint of each damaged file. Until that changes, reading the
	// file again stops at the same place.
	Damaged map[string]string `json:"damaged,omitempty"`
	// Lost is a gap to record if none of the files contains the entry of Cursor.
	Lost   *store.Gap `json:"lost,omitempty"`
	Cursor string     `json:"cursor,omitempty"`
}

// fingerprint identifies a file and its size, so that it changes as the file grows.
func fingerprint(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	id := identify(unix.AT_FDCWD, path)
	return fmt.Sprintf("%+v %d", id, info.Size())
}

// until returns the time up to which the left-out files may hold entries, in
// microseconds. journald touches a file with each entry that it writes.
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

// files returns the left-out files. m may be nil.
func (m *missed) files() map[string]string {
	if m == nil {
		return nil
	}
	return m.Files
}

// back returns the files that are left out no longer, sorted. left holds the files that
// journalctl leaves out now. A damaged file counts once it has changed.
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

// clone returns a deep copy of m.
func (m *missed) clone() *missed {
	if m == nil {
		return nil
	}
	c := *m
	c.Files, c.Damaged = maps.Clone(m.Files), maps.Clone(m.Damaged)
	return &c
}

// mayHoldUnread reports whether a left-out file may hold entries written after since.
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

// String lists the left-out files with the reasons.
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

// err returns an error that says how to make the left-out files readable. It is
// ErrUnread, and fs.ErrPermission if this user may not read them.
func (m *missed) err() error {
	path := slices.Min(slices.Collect(maps.Keys(m.Files)))
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err == nil {
		f.Close()
	}
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("journal %w: %s: this user may not read it; add it to the group systemd-journal: %w", ErrUnread, m, err)
	case strings.Contains(m.Files[path], "oo many"): // "too many open files", or "too many journal files"
		return fmt.Errorf("journal %w: %s; raise LimitNOFILE= of the service, or ulimit -n", ErrUnread, m)
	}
	return fmt.Errorf("journal %w: %s; it is read once journalctl can read it; to go on without it, move it out of its directory", ErrUnread, m)
}

// isOtherUsers reports whether a file of the system's journal belongs to another user
// and this user may not read it. Such a file holds no unit: those are in
// system.journal.
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
