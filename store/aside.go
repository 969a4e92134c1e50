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

// databaseMagic is the start of every SQLite database.
const databaseMagic = "SQLite format 3\x00"

// isText reports whether a file is text: its first 512 bytes, or all of a shorter one,
// are UTF-8 without NUL. Even a damaged database is not. A file that ends inside of
// databaseMagic may be a database.
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

// asideTime is the form of the time in the name of a file that was moved aside.
const asideTime = ".20060102T150405.000000Z"

// Aside returns the name of a file that is moved aside at a time.
func Aside(path string, at time.Time) string { return path + at.UTC().Format(asideTime) }

// MovedAside reports whether a database was moved aside from path and is still there.
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

// MoveAside renames a database and its write-ahead log to names with the time, in the
// same directory. It returns the new name of the database, "" if there was none. The
// error is ErrForeign for another program's database, and ErrPath if path is not a
// regular file. The caller holds the lock of the pass.
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
	// Rename the database last. If a crash left its log without it, SQLite would take the
	// log for that of the new database.
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
