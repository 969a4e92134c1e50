// Package report renders what package store holds: tables, and alerts.jsonl,
// which is a report too. It imports store and no other room.
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

// ErrAlertsPath means that a path does not name a file to which alerts can be appended.
var ErrAlertsPath = errors.New("not a file for alerts")

// errNoAlert means that a file has content, but no alert: it is some other file.
var errNoAlert = fmt.Errorf("%w: it holds something, but no alert", ErrAlertsPath)

// alertsFile is an open alerts file, with the size in bytes that it had when it was opened.
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

// unusable marks an error of opening a file as ErrAlertsPath if the path is at fault,
// and not the disk.
func unusable(err error) error {
	for _, fault := range []error{fs.ErrPermission, syscall.ELOOP, syscall.EISDIR, syscall.ENOTDIR, syscall.ENXIO, syscall.ENAMETOOLONG} {
		if errors.Is(err, fault) {
			return fmt.Errorf("%w: %w", ErrAlertsPath, err)
		}
	}
	return err
}

// tailBytes is how many bytes before a position identify the file.
const tailBytes = 512

// position is the offset up to which alerts.jsonl agrees with the table.
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

// in reports whether a file can be the one of which the position was stored. At offset
// 0, any file can.
func (p position) in(f io.ReaderAt) bool {
	at, err := positionOf(f, p.Offset)
	return err == nil && at == p
}

// setPosition stores that the file agrees with the table up to an offset.
func setPosition(tx *store.Tx, source int64, f io.ReaderAt, offset, now int64) error {
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
