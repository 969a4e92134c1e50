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

// maxWindow is how far back a zstd file may refer, in bytes: as far as zstd(1)
// decompresses without being told so (zstd --long=27). So much of it is in memory.
const maxWindow = 128 << 20

// format is how the content of a file is compressed.
type format struct {
	name  string
	magic string                                 // its first bytes
	open  func(io.Reader) (io.ReadCloser, error) // nil for one that is not read
}

// formatOf returns the format of a file by its first bytes, the zero format for
// text: the tools that rotate files give them many names. No line of the index
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
		return format{"zstd", "", openZstd} // a frame that is skipped
	}
	return format{}
}

// namedCompressed reports whether a file is compressed by its name.
func namedCompressed(path string) bool {
	return slices.Contains([]string{".gz", ".gzip", ".zst", ".zstd", ".bz2", ".xz", ".lzma", ".lz4", ".lz", ".z", ".zip", ".7z"}, strings.ToLower(filepath.Ext(path)))
}

// isCompressed reports whether a file is compressed, or should be by its name.
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

// decompress makes stream and head of a compressed file those of its content. The
// index itself is never decompressed: what a receiver adds to it is text.
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
	head, _ := f.stream.Peek(headBytes) // an error comes again when it is read
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

// gzipReader reads the members of a gzip file, and the zeros that pad it.
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

// next goes on to the next member, io.EOF if there is none. gzip(1) ignores
// whatever else follows; but it may be a member that is damaged, or lines that a
// writer has added.
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

// isBeingCompressed reports whether a compressed file may not be whole yet: a file
// beside it that is not compressed begins with the same content, and has as much.
// It must be one that is read itself, or another file's lines would be lost without
// a gap. Of a file that has no content yet, only the name tells.
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
