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

// trail is what stands beside an index that is not the one which was read.
type trail struct {
	own     string   // the file that holds what was read, "" for none
	changed *sibling // the file that was read, if it holds other bytes now
	later   []string // the other files that were written since, oldest first
}

// trailOf looks for the file of a place's cursor beside the index.
func trailOf(path string, p filePlace, current *indexFile) (t trail, err error) {
	siblings, err := beside(path, current.info)
	if err != nil {
		return t, err
	}
	// By itself, before a copy of it which may be older and end sooner.
	if i := slices.IndexFunc(siblings, func(s sibling) bool { return s.identity == p.identity }); i >= 0 {
		// One that cannot be opened now may be the next time.
		if own, err := isOwn(siblings[i].path, p.fileCursor); own || err != nil {
			t.own = siblings[i].path
		} else {
			t.changed = &siblings[i]
		}
	}
	for _, one := range siblings {
		if one.path == t.own || p.knows(one) {
			continue
		}
		if t.own == "" {
			if own, _ := isOwn(one.path, p.fileCursor); own {
				t.own = one.path
				continue
			}
		}
		switch {
		case one.identity == p.identity:
		case current.info.ModTime().UnixMicro() < p.ModTime:
			// The clock has gone back, and the times of files tell nothing.
		case current.identity != p.identity && one.Born > p.Born && !isPacked(one.path):
			// It was made since, whatever the clock said by then.
		case one.info.ModTime().UnixMicro() < p.ModTime:
			continue
		}
		if one.rotated {
			t.later = append(t.later, one.path)
		}
	}
	return t, nil
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

// sibling is a file beside the index.
type sibling struct {
	path string
	info os.FileInfo
	identity
	rotated bool // by its name it is an older index, or a copy
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
			found = append(found, sibling{one, info, identify(unix.AT_FDCWD, one), isRotated(base, e.Name())})
		}
	}
	slices.SortFunc(found, func(a, b sibling) int {
		// index.jsonl.2 is older than index.jsonl.1.
		return cmp.Or(a.info.ModTime().Compare(b.info.ModTime()), strings.Compare(b.path, a.path))
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

// rotated returns all older indexes, oldest first.
func rotated(path string, current os.FileInfo) (paths []string, err error) {
	siblings, err := beside(path, current)
	for _, one := range siblings {
		if one.rotated {
			paths = append(paths, one.path)
		}
	}
	return paths, err
}
