package ingest

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// maxWindow bounds how far back a zstd file may refer, in bytes. The decoder keeps
// that much in memory. zstd(1) has the same default limit (zstd --long=27).
const maxWindow = 128 << 20

// format is a compression format. The zero value means plain text.
type format struct {
	name  string
	magic string                                 // its first bytes
	open  func(io.Reader) (io.ReadCloser, error) // nil if the format is recognized but not read
}

// formatOf returns the format of a file by its first bytes, or the zero format for
// text. Names do not tell, because rotation tools choose them freely. No index line
// begins with such bytes.
func formatOf(head []byte) format {
	for _, f := range []format{
		{"gzip", "\x1f\x8b", openGzip},
		{"zstd", "\x28\xb5\x2f\xfd", openZstd},
		{"bzip2", "BZh", nil},
		{"xz", "\xfd7zXZ\x00", nil},
		{"lzma", "\x5d\x00\x00", nil},
		{"lz4", "\x04\x22\x4d\x18", nil},
		{"lz4", "\x02\x21\x4c\x18", nil},
		{"lzip", "LZIP", nil},
		{"compress", "\x1f\x9d", nil},
		{"zip", "PK\x03\x04", nil},
		{"7z", "7z\xbc\xaf\x27\x1c", nil},
	} {
		if bytes.HasPrefix(head, []byte(f.magic)) {
			return f
		}
	}
	if len(head) >= 4 && head[0]&0xf0 == 0x50 && string(head[1:4]) == "\x2a\x4d\x18" {
		return format{"zstd", "", openZstd} // a skippable frame
	}
	return format{}
}

// namedCompressed reports whether the name of a file says that it is compressed.
func namedCompressed(path string) bool {
	return slices.Contains([]string{".gz", ".gzip", ".zst", ".zstd", ".bz2", ".xz", ".lzma", ".lz4", ".lz", ".z", ".zip", ".7z"}, strings.ToLower(filepath.Ext(path)))
}

// isCompressed reports whether the content or the name of a file says that it is
// compressed.
func isCompressed(path string) bool {
	if namedCompressed(path) {
		return true
	}
	f, err := openPlain(path)
	if err != nil {
		return false
	}
	defer f.Close()
	return formatOf(f.head).name != ""
}

// decompress makes f.stream and f.head those of the decompressed content. It is never
// called for the index itself, because the receiver appends text to it.
func (f *indexFile) decompress() error {
	format := formatOf(f.head)
	switch {
	case format.name == "" && namedCompressed(f.path) && !bytes.HasPrefix(f.head, []byte("{")):
		return errors.New("it is not compressed as its name says")
	case format.name == "":
		return nil
	case format.open == nil:
		return fmt.Errorf("it is compressed with %s: only gzip and zstd are read", format.name)
	}
	decoder, err := format.open(f.file)
	if err != nil {
		return err
	}
	f.decoder, f.stream = decoder, bufio.NewReader(decoder)
	head, _ := f.stream.Peek(headBytes) // an error comes again with the next read
	f.head = bytes.Clone(head)
	return nil
}

func openZstd(r io.Reader) (io.ReadCloser, error) {
	d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return nil, err
	}
	return d.IOReadCloser(), nil
}

// gzipReader reads all members of a gzip file and skips the zeros that pad it.
type gzipReader struct {
	*gzip.Reader
	in *bufio.Reader
}

func openGzip(r io.Reader) (io.ReadCloser, error) {
	in := bufio.NewReader(r)
	member, err := gzip.NewReader(in)
	if err != nil {
		return nil, err
	}
	member.Multistream(false)
	return &gzipReader{member, in}, nil
}

func (g *gzipReader) Read(p []byte) (n int, err error) {
	for n == 0 && err == nil {
		if n, err = g.Reader.Read(p); errors.Is(err, io.EOF) {
			err = g.next()
		}
	}
	return n, err
}

// next goes on to the next member. It returns io.EOF if there is none. gzip(1) ignores
// any other bytes, but they may be a damaged member or lines that a writer appended.
func (g *gzipReader) next() error {
	var c byte
	for c == 0 {
		var err error
		if c, err = g.in.ReadByte(); err != nil {
			return err
		}
	}
	g.in.UnreadByte()
	err := g.Reader.Reset(g.in)
	if errors.Is(err, gzip.ErrHeader) {
		return errors.New("bytes that are no gzip follow its content")
	}
	g.Reader.Multistream(false)
	return err
}

// isBeingCompressed reports whether a compressed file may still be incomplete. Then a
// plain file beside it begins with the same content and is at least as long. A pass
// must read that plain file, or lines of another file could be lost without a gap. If
// the compressed file has no content yet, only its name can match.
func (r *indexReader) isBeingCompressed(path string) bool {
	unpacked := strings.TrimSuffix(path, filepath.Ext(path))
	f, err := openIndexFile(path)
	if err == nil {
		defer f.Close()
	}
	if err != nil || len(f.head) == 0 {
		_, err := os.Lstat(unpacked)
		return isCompressed(path) && err == nil
	}
	if f.stream == nil {
		return false
	}
	size, _ := io.Copy(io.Discard, f.stream)
	files, err := beside(r.opts.Path, nil)
	return err == nil && slices.ContainsFunc(files, func(one sibling) bool {
		wasRead := one.path == unpacked || one.identity == r.began.identity ||
			slices.ContainsFunc(r.began.Rotated, func(c fileCursor) bool { return c.identity == one.identity })
		return wasRead && one.rotated && one.size >= size && beginsWith(one.path, f.head)
	})
}

func beginsWith(path string, content []byte) bool {
	f, err := openPlain(path)
	if err != nil {
		return false
	}
	defer f.Close()
	return bytes.HasPrefix(f.head, content)
}
