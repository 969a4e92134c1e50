package ingest

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/klauspost/compress/zstd"
)

const noFollow = syscall.O_NOFOLLOW | syscall.O_NONBLOCK | syscall.O_CLOEXEC

// indexFile is the index, or an older one that was rotated away and may be
// compressed since.
type indexFile struct {
	path    string
	file    *os.File
	info    os.FileInfo
	current bool
	stream  io.ReadCloser // the content of a compressed file, nil for a plain one
	begin   []byte        // the first bytes of the content, as far as they were read
}

// openIndexFile opens an older index.
func openIndexFile(path string) (*indexFile, error) {
	f, err := openPlain(path)
	if err != nil {
		return nil, err
	}
	f.current = false
	switch filepath.Ext(path) {
	case ".gz":
		f.stream, err = gzip.NewReader(f.file)
	case ".zst":
		var d *zstd.Decoder
		if d, err = zstd.NewReader(f.file, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(32<<20)); err == nil {
			f.stream = d.IOReadCloser()
		}
	}
	if err != nil {
		f.file.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

func (f *indexFile) Close() error {
	if f.stream != nil {
		f.stream.Close()
	}
	return f.file.Close()
}

// from returns a reader of the lines behind a cursor, which the file matches.
func (f *indexFile) from(c fileCursor) (*lineReader, error) {
	tail := make([]byte, c.TailLen)
	if f.stream == nil {
		if _, err := f.file.ReadAt(tail, c.Offset-c.TailLen); err != nil && c.TailLen > 0 {
			return nil, err
		}
		if _, err := f.file.Seek(c.Offset, io.SeekStart); err != nil {
			return nil, err
		}
		return newLineReader(f.file, c.Offset, tail), nil
	}
	if err := f.readTo(c, tail); err != nil {
		return nil, err
	}
	return newLineReader(f.stream, c.Offset, tail), nil
}

// readTo reads a compressed file up to a cursor, and fills in the bytes before it.
func (f *indexFile) readTo(c fileCursor, tail []byte) error {
	content := io.TeeReader(f.stream, &limitedBuffer{&f.begin})
	if _, err := io.CopyN(io.Discard, content, c.Offset-c.TailLen); err != nil {
		return err
	}
	_, err := io.ReadFull(content, tail)
	return err
}

// limitedBuffer keeps the first headBytes of what is written to it.
type limitedBuffer struct{ b *[]byte }

func (l *limitedBuffer) Write(p []byte) (int, error) {
	if room := headBytes - len(*l.b); room > 0 {
		*l.b = append(*l.b, p[:min(room, len(p))]...)
	}
	return len(p), nil
}

// head returns the beginning of the file's content, as far as it is known.
func (f *indexFile) head() []byte {
	if f.stream != nil {
		return f.begin
	}
	b := make([]byte, headBytes)
	n, _ := f.file.ReadAt(b, 0)
	return b[:n]
}

// holds tells whether the file is the one that a cursor was read from.
func (f *indexFile) holds(c fileCursor) bool {
	if f.stream == nil {
		return (f.sameAs(c) || c.Offset > 0) && c.matches(f.file)
	}
	tail := make([]byte, c.TailLen)
	if c.Offset == 0 || f.readTo(c, tail) != nil {
		return false
	}
	return int64(len(f.begin)) >= c.HeadLen && hexHash(f.begin[:c.HeadLen]) == c.HeadHash && hexHash(tail) == c.TailHash
}

func (f *indexFile) sameAs(c fileCursor) bool { return c.sameFile(f.info) }

// siblings returns the files beside the index that hold what is unread of it,
// oldest first: the cursor's own file, then those written after it. It is empty
// if the cursor's file is not there.
func siblings(path string, c fileCursor, current os.FileInfo) ([]string, error) {
	stem, _, _ := strings.Cut(filepath.Base(path), ".")
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	type candidate struct {
		path string
		info os.FileInfo
	}
	var candidates []candidate
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() || !strings.HasPrefix(e.Name(), stem) || os.SameFile(info, current) {
			continue
		}
		candidates = append(candidates, candidate{filepath.Join(filepath.Dir(path), e.Name()), info})
	}
	slices.SortFunc(candidates, func(a, b candidate) int {
		if byTime := a.info.ModTime().Compare(b.info.ModTime()); byTime != 0 {
			return byTime
		}
		return bytes.Compare([]byte(b.path), []byte(a.path)) // index.jsonl.2 is older than index.jsonl.1
	})
	for i, one := range candidates {
		f, err := openIndexFile(one.path)
		if err != nil {
			continue // not readable as an index: it cannot be the one
		}
		found := f.holds(c)
		f.Close()
		if !found {
			continue
		}
		var paths []string
		for _, later := range candidates[i:] {
			if later.path == one.path || strings.HasPrefix(filepath.Base(later.path), filepath.Base(path)) {
				paths = append(paths, later.path)
			}
		}
		return paths, nil
	}
	return nil, nil
}
