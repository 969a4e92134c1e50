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

// indexFile is the index or a rotated file, which may be compressed.
type indexFile struct {
	path string
	file *os.File
	info os.FileInfo
	identity
	current bool
	head    []byte        // first headBytes of the content when the file was opened
	decoder io.Closer     // nil for a plain file
	stream  *bufio.Reader // decompressed content; nil for a plain file
}

// openIndexFile opens a rotated file.
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
		runtime.GC() // free the decoder's window before the next file needs one
	}
	return f.file.Close()
}

// from returns a reader of the lines after a cursor. The file must match the cursor.
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

// readTo reads a compressed file up to a cursor, and fills tail with the bytes before it.
func (f *indexFile) readTo(c fileCursor, tail []byte) error {
	if _, err := io.CopyN(io.Discard, f.stream, c.Offset-c.TailLen); err != nil {
		return err
	}
	_, err := io.ReadFull(f.stream, tail)
	return err
}

// holds reports whether a cursor was read from this file or a copy of it.
func (f *indexFile) holds(c fileCursor) bool {
	if f.stream == nil || c.Offset == 0 {
		return (c.identity == f.identity || c.Offset > 0) && c.matches(f.file)
	}
	tail := make([]byte, c.TailLen)
	return int64(len(f.head)) >= c.HeadLen && hexHash(f.head[:c.HeadLen]) == c.HeadHash &&
		f.readTo(c, tail) == nil && hexHash(tail) == c.TailHash
}

// surveyIndex completes the facts about the index and the files beside it. It skips
// facts that planIndex does not need.
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

// ownOf returns the index in files of the file that was read up to a cursor, or -1. The
// file with the identity comes before a copy, which may be older and shorter. It is
// returned even if it cannot be opened now, because a later pass may open it.
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

// copyOf returns the path of a file with the content read up to c, or "". It returns ""
// if the file that was read is still there.
func copyOf(c fileCursor, files []sibling) string {
	if slices.ContainsFunc(files, func(one sibling) bool { return one.identity == c.identity }) {
		return ""
	}
	if i := ownOf(indexCursor{fileCursor: c}, files); i >= 0 {
		return files[i].path
	}
	return ""
}

// isOwn reports whether the file at path holds the content read up to a cursor.
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
	rotated    bool  // the name is that of a rotated file or a copy
	compressed bool  // the content or the name is that of a compressed file
}

// beside returns the regular files in the index's directory whose names start like the
// index's name, oldest first. It leaves out the index itself.
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
		// Of one time, index.jsonl.2 is older than index.jsonl.1.
		return cmp.Or(cmp.Compare(a.modTime, b.modTime), strings.Compare(b.path, a.path))
	})
	return found, nil
}

// isRotated reports whether name is that of a rotated file or a copy, as logrotate and
// similar tools choose it. Examples are index.jsonl.1.gz, index.jsonl-20260501 and
// index-20260501.jsonl. Compressors may add any suffix.
func isRotated(base, name string) bool {
	ext := filepath.Ext(base)
	rest, ours := strings.CutPrefix(name, strings.TrimSuffix(base, ext))
	number, _, extended := strings.Cut(rest, ext)
	return ours && extended && strings.Trim(number, "0123456789-._") == ""
}
