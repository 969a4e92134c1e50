// Package ingest reads the receiver's two sources, the index file and the
// systemd journal, from where the last pass stopped, and hands what is new to
// package store in batches, each with the cursor behind it. The parsers are
// pure functions from bytes to rows. It imports store and no other room.
package ingest

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"syscall"

	"github.com/cespare/xxhash/v2"
)

const (
	cursorVersion = 1
	headBytes     = 1024 // of a file's beginning that identify it
	tailBytes     = 512  // before the offset that witness what was read
)

// fileCursor is how far a file was read, and how to know it again: a path does
// not (rotation), an inode does not (reuse), a head does not (copies), and none
// of them tells that a file was cut and has grown past the old offset; the
// bytes before the offset do.
type fileCursor struct {
	Version  int    `json:"v"`
	Device   uint64 `json:"dev"`
	Inode    uint64 `json:"ino"`
	Offset   int64  `json:"offset"`   // bytes read, up to and with a newline
	HeadLen  int64  `json:"head_len"` // bytes, at most headBytes and Offset
	HeadHash string `json:"head"`     // xxhash64 of the first HeadLen bytes
	TailLen  int64  `json:"tail_len"` // bytes, at most tailBytes and Offset
	TailHash string `json:"tail"`     // xxhash64 of the TailLen bytes before Offset
}

// parseFileCursor reads a stored cursor. ok is false for none, and for one of
// another version of the scheme.
func parseFileCursor(state string) (c fileCursor, ok bool) {
	if err := json.Unmarshal([]byte(state), &c); err != nil || c.Version != cursorVersion {
		return fileCursor{}, false
	}
	return c, true
}

func (c fileCursor) String() string {
	b, err := json.Marshal(c)
	if err != nil {
		return ""
	}
	return string(b)
}

// cursorAt makes the cursor of a file that was read up to offset. head and tail
// are the file's beginning and the bytes before the offset, of any length.
func cursorAt(info os.FileInfo, offset int64, head, tail []byte) fileCursor {
	head = head[:min(int64(len(head)), offset, headBytes)]
	if n := min(int64(len(tail)), offset, tailBytes); n < int64(len(tail)) {
		tail = tail[int64(len(tail))-n:]
	}
	c := fileCursor{Version: cursorVersion, Offset: offset,
		HeadLen: int64(len(head)), HeadHash: hexHash(head), TailLen: int64(len(tail)), TailHash: hexHash(tail)}
	c.Device, c.Inode = identity(info)
	return c
}

func hexHash(b []byte) string { return fmt.Sprintf("%016x", xxhash.Sum64(b)) }

func identity(info os.FileInfo) (device, inode uint64) {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(stat.Dev), stat.Ino
	}
	return 0, 0
}

// sameFile tells whether the cursor's device and inode are those of a file.
func (c fileCursor) sameFile(info os.FileInfo) bool {
	device, inode := identity(info)
	return c.Device == device && c.Inode == inode
}

// matches tells whether a file holds the bytes that the cursor was read from.
func (c fileCursor) matches(f io.ReaderAt) bool {
	return hasBytes(f, 0, c.HeadLen, c.HeadHash) && hasBytes(f, c.Offset-c.TailLen, c.TailLen, c.TailHash)
}

func hasBytes(f io.ReaderAt, at, n int64, hash string) bool {
	if at < 0 || n < 0 || n > headBytes {
		return false
	}
	b := make([]byte, n)
	if _, err := f.ReadAt(b, at); err != nil && n > 0 {
		return false
	}
	return hexHash(b) == hash
}
