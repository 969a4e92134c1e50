// Package ingest reads the receiver's two sources, the index file and the
// systemd journal, from where the last pass stopped, and hands what is new to
// package store in batches, each with the cursor behind it. The parsers are
// pure functions from bytes to rows. It imports store and no other room.
package ingest

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/cespare/xxhash/v2"
	"github.com/cis490/fleet-health/store"
	"golang.org/x/sys/unix"
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
	Version int `json:"v"`
	identity
	Offset   int64  `json:"offset"`   // bytes read, up to and with a line end
	HeadLen  int64  `json:"head_len"` // bytes, at most headBytes and Offset
	HeadHash string `json:"head"`     // xxhash64 of the first HeadLen bytes
	TailLen  int64  `json:"tail_len"` // bytes, at most tailBytes and Offset
	TailHash string `json:"tail"`     // xxhash64 of the TailLen bytes before Offset
	ModTime  int64  `json:"mtime"`    // when the file had last been written before it was read, microseconds
}

// maxRotated is how many files beside the index are remembered: a week of them,
// and one more.
const maxRotated = 8

// indexCursor is the stored cursor of a file that is rotated.
type indexCursor struct {
	fileCursor
	// Rotated are the cursors of the files beside the index that were read to their
	// ends, the last maxRotated of those that are not compressed: a writer may not
	// have let go of one yet.
	Rotated []fileCursor `json:"rotated,omitempty"`
}

// parseIndexCursor reads a stored cursor. ok is false for none, and for one that is
// damaged or of another version of the scheme.
func parseIndexCursor(state string) (p indexCursor, ok bool) {
	err := json.Unmarshal([]byte(state), &p)
	if err != nil || !p.witnessed() || slices.ContainsFunc(p.Rotated, func(c fileCursor) bool { return !c.witnessed() }) {
		return indexCursor{}, false
	}
	return p, true
}

// at returns the cursor with the cursor moved.
func (p indexCursor) at(c fileCursor) indexCursor { return indexCursor{c, p.Rotated} }

// with returns the cursor with a file beside the index remembered.
func (p indexCursor) with(c fileCursor) indexCursor {
	rotated := append(p.without(c).Rotated, c)
	return indexCursor{p.fileCursor, rotated[max(0, len(rotated)-maxRotated):]}
}

// moved returns the cursor with the cursor of a file beside the index moved.
func (p indexCursor) moved(c, to fileCursor) indexCursor {
	rotated := slices.Clone(p.Rotated)
	for i := range rotated {
		if rotated[i].identity == c.identity {
			rotated[i] = to
		}
	}
	return indexCursor{p.fileCursor, rotated}
}

// without returns the cursor with a file beside the index forgotten.
func (p indexCursor) without(c fileCursor) indexCursor {
	rotated := slices.DeleteFunc(slices.Clone(p.Rotated), func(known fileCursor) bool { return known.identity == c.identity })
	return indexCursor{p.fileCursor, rotated}
}

// knows tells whether a file beside the index was read to its end, and was not
// written to since.
func (p indexCursor) knows(s sibling) bool {
	return slices.ContainsFunc(p.Rotated, func(c fileCursor) bool {
		return c.identity == s.identity && c.Offset == s.size && c.ModTime == s.modTime
	})
}

// witnessed tells whether a cursor has the witnesses that cursorAt gives it: one
// without would match any file. The head may be short: that of a file that has
// grown since it was opened.
func (c fileCursor) witnessed() bool {
	return c.Version == cursorVersion && c.Offset >= 0 && c.TailLen == min(c.Offset, tailBytes) &&
		c.HeadLen >= 0 && c.HeadLen <= min(c.Offset, headBytes)
}

func (p indexCursor) String() string {
	b, err := json.Marshal(p)
	if err != nil {
		return ""
	}
	return string(b)
}

// cursorAt makes the cursor of a file that was read up to offset. tail are the
// bytes before the offset, of any length.
func (f *indexFile) cursorAt(offset int64, tail []byte) fileCursor {
	head := f.head
	head = head[:min(int64(len(head)), offset, headBytes)]
	if n := min(int64(len(tail)), offset, tailBytes); n < int64(len(tail)) {
		tail = tail[int64(len(tail))-n:]
	}
	return fileCursor{Version: cursorVersion, identity: f.identity, Offset: offset, ModTime: f.info.ModTime().UnixMicro(),
		HeadLen: int64(len(head)), HeadHash: hexHash(head), TailLen: int64(len(tail)), TailHash: hexHash(tail)}
}

func hexHash(b []byte) string { return fmt.Sprintf("%016x", xxhash.Sum64(b)) }

// identity is what the file system knows a file by, whatever its name. An inode
// number is used again as soon as it is free; the time of birth tells.
type identity struct {
	Device uint64 `json:"dev"`
	Inode  uint64 `json:"ino"`
	Born   int64  `json:"born"` // microseconds, 0 where the file system does not keep it
}

// identify returns the identity of a file by its path and unix.AT_FDCWD, or by
// its descriptor and an empty path; the zero identity if there is no such file.
func identify(fd int, path string) identity {
	var stat unix.Statx_t
	err := unix.Statx(fd, path, unix.AT_SYMLINK_NOFOLLOW|unix.AT_EMPTY_PATH, unix.STATX_INO|unix.STATX_BTIME, &stat)
	if err != nil {
		return identity{}
	}
	id := identity{Device: unix.Mkdev(stat.Dev_major, stat.Dev_minor), Inode: stat.Ino}
	if stat.Mask&unix.STATX_BTIME != 0 {
		id.Born = stat.Btime.Sec*store.Second + int64(stat.Btime.Nsec)/1000
	}
	return id
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
