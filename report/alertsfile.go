// Package report writes tables, CSV, JSON and alerts.jsonl from the database. It
// imports store and no other room.
package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"github.com/cespare/xxhash/v2"
	"github.com/cis490/fleet-health/store"
)

// ErrAlertsPath means that alerts cannot be appended at a path.
var ErrAlertsPath = errors.New("not a file for alerts")

// errNoAlert means that a file has content, but no alert. It belongs to another program.
var errNoAlert = fmt.Errorf("%w: it holds something, but no alert", ErrAlertsPath)

// alertsFile is an open alerts file. size is its size in bytes at the time it was opened.
type alertsFile struct {
	*os.File
	size int64
}

// openAlerts opens a regular file for reading and appending. The error is
// fs.ErrNotExist if the file is missing and flags do not create it, and ErrAlertsPath
// if the path is at fault.
func openAlerts(path string, flags int) (*alertsFile, error) {
	f, err := os.OpenFile(path, flags|os.O_APPEND|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0o640)
	if errors.Is(err, fs.ErrNotExist) && flags&os.O_CREATE == 0 {
		return nil, err
	}
	if err != nil {
		return nil, unusable(err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: %w: not a regular file", path, ErrAlertsPath)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return &alertsFile{f, info.Size()}, nil
}

// unusable wraps an error of opening a file in ErrAlertsPath if the path causes it. It
// returns other errors, such as those of the disk, as they are.
func unusable(err error) error {
	for _, fault := range []error{fs.ErrPermission, syscall.ELOOP, syscall.EISDIR, syscall.ENOTDIR, syscall.ENXIO, syscall.ENAMETOOLONG} {
		if errors.Is(err, fault) {
			return fmt.Errorf("%w: %w", ErrAlertsPath, err)
		}
	}
	return err
}

// tailBytes is the number of bytes before a position that identify the file.
const tailBytes = 512

// position is the offset up to which alerts.jsonl agrees with the table. Its JSON is the
// state of the cursor.
type position struct {
	Version int    `json:"v"`
	Offset  int64  `json:"offset"` // in bytes
	Tail    string `json:"tail"`   // xxhash64 of up to tailBytes before Offset
}

func positionOf(f io.ReaderAt, offset int64) (position, error) {
	tail := make([]byte, min(offset, tailBytes))
	if _, err := f.ReadAt(tail, offset-int64(len(tail))); err != nil && len(tail) > 0 {
		return position{}, err
	}
	return position{1, offset, fmt.Sprintf("%016x", xxhash.Sum64(tail))}, nil
}

// in reports whether a file has the bytes that stood before the position. Every file
// has position 0.
func (p position) in(f io.ReaderAt) bool {
	at, err := positionOf(f, p.Offset)
	return err == nil && at == p
}

// moveCursor moves the cursor to an offset in the file, in bytes.
func moveCursor(tx *store.Tx, source int64, f io.ReaderAt, offset, now int64) error {
	at, err := positionOf(f, offset)
	if err != nil {
		return err
	}
	state, err := json.Marshal(at)
	if err != nil {
		return err
	}
	return tx.MoveCursor(source, string(state), now)
}
