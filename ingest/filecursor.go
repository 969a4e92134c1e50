// Package ingest reads the receiver's index and the systemd journal. It starts at the
// stored cursor of each, and hands new rows to package store in batches. A batch and
// the cursor after it are saved together. The parsers are pure functions from bytes to
// rows. Package ingest imports store and no other room.
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
	headBytes     = 1024 // at the start of a file, to identify it
	tailBytes     = 512  // before the offset, to prove that they were read
)

// fileCursor is how far a file was read, and how to recognize that file. A path is not
// enough because of rotation, an inode because of reuse, and the head because of
// copies. The bytes before the offset show whether a file was cut and grew again.
type fileCursor struct {
	Version int `json:"v"`
	identity
	Offset   int64  `json:"offset"`   // bytes read, up to and including a line end
	HeadLen  int64  `json:"head_len"` // bytes, at most headBytes and Offset
	HeadHash string `json:"head"`     // xxhash64 of the first HeadLen bytes
	TailLen  int64  `json:"tail_len"` // bytes, at most tailBytes and Offset
	TailHash string `json:"tail"`     // xxhash64 of the TailLen bytes before Offset
	ModTime  int64  `json:"mtime"`    // modification time when the file was read, in microseconds
}

// maxRotated is how many rotated files a cursor remembers: one a day for a week, and
// one more.
const maxRotated = 8

// indexCursor is the stored cursor of the index. Dump stores one without Rotated.
type indexCursor struct {
	fileCursor
	// Rotated holds the cursors of the last maxRotated plain files beside the index,
	// each at its end. A writer may still have one of them open.
	Rotated []fileCursor `json:"rotated,omitempty"`
}

// parseIndexCursor parses a stored cursor. ok is false for an empty or damaged one,
// and for another version.
func parseIndexCursor(state string) (p indexCursor, ok bool) {
	err := json.Unmarshal([]byte(state), &p)
	if err != nil || !p.witnessed() || slices.ContainsFunc(p.Rotated, func(c fileCursor) bool { return !c.witnessed() }) {
		return indexCursor{}, false
	}
	return p, true
}

// at returns p with the file cursor of the index replaced.
func (p indexCursor) at(c fileCursor) indexCursor { return indexCursor{c, p.Rotated} }

// with returns p with a rotated file remembered.
func (p indexCursor) with(c fileCursor) indexCursor {
	rotated := append(p.without(c).Rotated, c)
	return indexCursor{p.fileCursor, rotated[max(0, len(rotated)-maxRotated):]}
}

// moved returns p with the cursor of a rotated file replaced.
func (p indexCursor) moved(c, to fileCursor) indexCursor {
	rotated := slices.Clone(p.Rotated)
	for i := range rotated {
		if rotated[i].identity == c.identity {
			rotated[i] = to
		}
	}
	return indexCursor{p.fileCursor, rotated}
}

// without returns p with a rotated file forgotten.
func (p indexCursor) without(c fileCursor) indexCursor {
	rotated := slices.DeleteFunc(slices.Clone(p.Rotated), func(known fileCursor) bool { return known.identity == c.identity })
	return indexCursor{p.fileCursor, rotated}
}

// knows reports whether a rotated file was read to its end and has not changed since.
func (p indexCursor) knows(s sibling) bool {
	return slices.ContainsFunc(p.Rotated, func(c fileCursor) bool {
		return c.identity == s.identity && c.Offset == s.size && c.ModTime == s.modTime
	})
}

// witnessed reports whether c has all hashes that cursorAt sets. A cursor without them
// would match any file. Its head may be shorter than the offset if the file grew after
// it was opened.
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

// cursorAt returns the cursor of a file that was read up to offset. tail holds the
// bytes before the offset: tailBytes or more, or all of them.
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

// identity is how the file system identifies a file, whatever its name. The birth time
// is part of it because inode numbers are reused at once.
type identity struct {
	Device uint64 `json:"dev"`
	Inode  uint64 `json:"ino"`
	Born   int64  `json:"born"` // microseconds; 0 if the file system does not keep it
}

// identify returns the identity of a file, given unix.AT_FDCWD and its path, or its
// descriptor and an empty path. It returns the zero identity if there is no such file.
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

// matches reports whether a file contains the bytes that were read before c.
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
