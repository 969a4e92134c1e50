package ingest

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

const noFollow = syscall.O_NOFOLLOW | syscall.O_NONBLOCK | syscall.O_CLOEXEC

// indexFile is the index, or an older one that was rotated away and may be
// compressed since.
type indexFile struct {
	path string
	file *os.File
	info os.FileInfo
	identity
	current bool
	head    []byte        // the first headBytes of the content when it was opened
	decoder io.Closer     // of a compressed file, nil for a plain one
	stream  *bufio.Reader // its content
}

// openIndexFile opens an older index.
func openIndexFile(path string) (*indexFile, error) {
	f, err := openPlain(path)
	if err != nil {
		return nil, err
	}
	f.current = false
	if err := f.decompress(); err != nil {
		f.file.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

func (f *indexFile) Close() error {
	if f.decoder != nil {
		f.decoder.Close()
		f.decoder, f.stream = nil, nil
		runtime.GC() // or the windows of two files would be in memory at once
	}
	return f.file.Close()
}

// from returns a reader of the lines behind a cursor, which the file matches.
func (f *indexFile) from(c fileCursor) (*lineReader, error) {
	tail := make([]byte, c.TailLen)
	if f.stream != nil {
		if err := f.readTo(c, tail); err != nil {
			return nil, err
		}
		return newLineReader(f.stream, c.Offset, tail), nil
	}
	if _, err := f.file.ReadAt(tail, c.Offset-c.TailLen); err != nil && c.TailLen > 0 {
		return nil, err
	}
	if _, err := f.file.Seek(c.Offset, io.SeekStart); err != nil {
		return nil, err
	}
	return newLineReader(f.file, c.Offset, tail), nil
}

// readTo reads a compressed file up to a cursor, and fills in the bytes before it.
func (f *indexFile) readTo(c fileCursor, tail []byte) error {
	if _, err := io.CopyN(io.Discard, f.stream, c.Offset-c.TailLen); err != nil {
		return err
	}
	_, err := io.ReadFull(f.stream, tail)
	return err
}

// holds tells whether the file is the one that a cursor was read from.
func (f *indexFile) holds(c fileCursor) bool {
	if f.stream == nil || c.Offset == 0 {
		return (c.identity == f.identity || c.Offset > 0) && c.matches(f.file)
	}
	tail := make([]byte, c.TailLen)
	return int64(len(f.head)) >= c.HeadLen && hexHash(f.head[:c.HeadLen]) == c.HeadHash &&
		f.readTo(c, tail) == nil && hexHash(tail) == c.TailHash
}

// surveyIndex adds to the facts what the index and the files beside it are. It looks
// no further than the plan needs.
func surveyIndex(f indexFacts, current *indexFile) (_ indexFacts, err error) {
	f.current = sibling{path: current.path, identity: current.identity, size: current.info.Size(), modTime: current.info.ModTime().UnixMicro()}
	f.holds, f.own = f.stored && f.cursor.matches(current.file), -1
	if f.goesOn() && f.cursor.Offset > 0 || !f.stored && !f.rebuild {
		return f, nil
	}
	if f.beside, err = beside(current.path, current.info); err != nil {
		return f, err
	}
	if f.stored && !f.goesOn() {
		f.own = ownOf(f.cursor, f.beside)
		for i := range f.beside {
			f.beside[i].compressed = isCompressed(f.beside[i].path)
		}
	}
	return f, nil
}

// ownOf returns which of the files is the one that was read up to a cursor, -1 for
// none. It is the file with the identity, before a copy of it, which may be older
// and end sooner. One that cannot be opened now may be the next time.
func ownOf(p indexCursor, files []sibling) int {
	if i := slices.IndexFunc(files, func(one sibling) bool { return one.identity == p.identity }); i >= 0 {
		if own, err := isOwn(files[i].path, p.fileCursor); own || err != nil {
			return i
		}
	}
	return slices.IndexFunc(files, func(one sibling) bool {
		if one.identity == p.identity || p.knows(one) {
			return false
		}
		own, _ := isOwn(one.path, p.fileCursor)
		return own
	})
}

// copyOf returns the path of a file that holds what was read of another one, which
// is not among the files any more; "" for none.
func copyOf(c fileCursor, files []sibling) string {
	if slices.ContainsFunc(files, func(one sibling) bool { return one.identity == c.identity }) {
		return ""
	}
	if i := ownOf(indexCursor{fileCursor: c}, files); i >= 0 {
		return files[i].path
	}
	return ""
}

// isOwn tells whether a file beside the index is the one that a cursor was read
// from.
func isOwn(path string, c fileCursor) (bool, error) {
	f, err := openIndexFile(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	return f.holds(c), nil
}

// sibling is a file beside the index, or the index itself.
type sibling struct {
	path string
	identity
	size       int64 // bytes
	modTime    int64 // microseconds
	rotated    bool  // by its name it is an older index, or a copy
	compressed bool  // it is compressed, or should be by its name
}

// beside returns the regular files in the index's directory whose names begin as
// its own, but for the index itself, in the order in which they were written.
func beside(path string, current os.FileInfo) (found []sibling, err error) {
	dir, base := filepath.Split(path)
	stem, _, _ := strings.Cut(base, ".")
	entries, err := os.ReadDir(filepath.Clean(dir))
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), stem) {
			continue
		}
		info, err := e.Info()
		if err == nil && info.Mode().IsRegular() && !os.SameFile(info, current) {
			one := filepath.Join(dir, e.Name())
			found = append(found, sibling{path: one, identity: identify(unix.AT_FDCWD, one), size: info.Size(), modTime: info.ModTime().UnixMicro(),
				rotated: isRotated(base, e.Name())})
		}
	}
	slices.SortFunc(found, func(a, b sibling) int {
		// index.jsonl.2 is older than index.jsonl.1.
		return cmp.Or(cmp.Compare(a.modTime, b.modTime), strings.Compare(b.path, a.path))
	})
	return found, nil
}

// isRotated tells whether a name is one that logrotate and the like give to a
// file, or to a copy of it, with whatever a compressor adds: index.jsonl.1.gz,
// index.jsonl-20260501, or index-20260501.jsonl where the extension is to stay.
func isRotated(base, name string) bool {
	ext := filepath.Ext(base)
	rest, ours := strings.CutPrefix(name, strings.TrimSuffix(base, ext))
	number, _, extended := strings.Cut(rest, ext)
	return strings.HasPrefix(name, base) || ours && extended && strings.Trim(number, "0123456789-._") == ""
}
