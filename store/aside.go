package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"
)

// databaseMagic is what a database begins with.
const databaseMagic = "SQLite format 3\x00"

// isText tells whether a file begins as no database does, however damaged: with
// 512 bytes of text. One that was cut within its first word is no text.
func isText(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 512)
	n, _ := io.ReadFull(f, head)
	head = head[:n]
	if strings.HasPrefix(databaseMagic, string(head)) {
		return false
	}
	if n == 512 {
		head = head[:508] // the cut may be inside a rune
		for len(head) > 0 && !utf8.RuneStart(head[len(head)-1]) {
			head = head[:len(head)-1]
		}
		head = head[:max(0, len(head)-1)]
	}
	return n > 0 && utf8.Valid(head) && bytes.IndexByte(head, 0) < 0
}

// asideTime is how the time stands in the name of a database that was moved.
const asideTime = ".20060102T150405.000000Z"

// Aside is the name that a file gets when it is moved aside at a time.
func Aside(path string, at time.Time) string { return path + at.UTC().Format(asideTime) }

// MovedAside tells whether a database has been moved aside from path, and is
// still there.
func MovedAside(path string) bool {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return false
	}
	for _, e := range entries {
		if at, ok := strings.CutPrefix(e.Name(), filepath.Base(path)); ok {
			if _, err := time.Parse(asideTime, at); err == nil {
				return true
			}
		}
	}
	return false
}

// MoveAside renames a database, with its write-ahead log, to a name beside it
// that holds the time, and returns that name; "" if there is no database. One
// of another program is ErrForeign. The caller holds the lock of the pass.
func MoveAside(ctx context.Context, path string, at time.Time) (aside string, err error) {
	if info, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	} else if err != nil || !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s: %w: it is not a regular file", path, ErrPath)
	}
	if err := peek(ctx, path); errors.Is(err, ErrForeign) {
		return "", err
	}
	aside = Aside(path, at)
	// The database last: without it, what is left of a crash in between would
	// be taken for the log of the new one.
	for _, suffix := range []string{"-shm", "-wal", ""} {
		if err := os.Rename(path+suffix, aside+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("move the database aside: %w", err)
		}
	}
	if err := SyncDir(filepath.Dir(path)); err != nil {
		return aside, fmt.Errorf("%s: %w", path, err)
	}
	return aside, nil
}
