package ingest

import (
	"bytes"
	"errors"
	"io"

	"github.com/cespare/xxhash/v2"
)

const (
	// maxLine is the longest index line that is read, in bytes. A longer one is
	// skipped, in constant memory.
	maxLine = 64 << 10
	// keptBehind is how many bytes before the current line stay in memory, for
	// the cursor's witness.
	keptBehind = tailBytes
	bufferSize = 256 << 10
)

// lineReader cuts a stream into lines. It gives out only lines that end in a
// newline; what comes after the last one is torn.
type lineReader struct {
	r      io.Reader
	buf    []byte
	start  int   // of the current line in buf
	end    int   // of the bytes in buf
	offset int64 // of the current line in the file
	eof    bool
	err    error // behind the bytes in buf
}

// newLineReader reads from a stream whose next byte stands at offset in its
// file, right after the bytes of tail.
func newLineReader(r io.Reader, offset int64, tail []byte) *lineReader {
	l := &lineReader{r: r, buf: make([]byte, bufferSize), offset: offset}
	l.start = copy(l.buf, tail)
	l.end = l.start
	return l
}

// behind returns up to keptBehind bytes before the current line.
func (l *lineReader) behind() []byte { return l.buf[max(0, l.start-keptBehind):l.start] }

// line is one line of the file. head is the whole line with its newline, or its
// beginning if it is too long.
type line struct {
	head   []byte
	offset int64
	length int64 // bytes, without the newline
	hash   uint64
	long   bool
}

// next returns the next whole line, or io.EOF. The line is valid until the
// next call.
func (l *lineReader) next() (line, error) {
	searched := l.start
	for {
		if i := bytes.IndexByte(l.buf[searched:l.end], '\n'); i >= 0 {
			end := searched + i + 1
			at := line{head: l.buf[l.start:end], offset: l.offset, length: int64(end - l.start - 1)}
			if at.length > maxLine {
				at.long = true
				at.hash = xxhash.Sum64(at.head[:at.length])
			}
			l.offset += int64(end - l.start)
			l.start = end
			return at, nil
		}
		if l.end-l.start > maxLine {
			return l.skip()
		}
		searched = l.end
		if l.eof {
			return line{}, io.EOF
		}
		if l.end == len(l.buf) {
			searched -= l.shift()
		}
		if err := l.fill(); err != nil {
			return line{}, err
		}
	}
}

// skip reads past a line that is too long. If its end cannot be read it counts as
// not begun: the reader stands before it as before any other.
func (l *lineReader) skip() (line, error) {
	before := bytes.Clone(l.behind())
	head := bytes.Clone(l.buf[l.start : l.start+headBytes])
	hash := xxhash.New()
	length := int64(0)
	for {
		rest := l.buf[l.start:l.end]
		if i := bytes.IndexByte(rest, '\n'); i >= 0 {
			hash.Write(rest[:i])
			length += int64(i)
			at := line{head: head, offset: l.offset, length: length, hash: hash.Sum64(), long: true}
			l.start += i + 1
			l.offset += length + 1
			return at, nil
		}
		hash.Write(rest)
		length += int64(len(rest))
		l.start = l.end
		l.shift()
		err := l.fill()
		if l.eof && l.end == l.start {
			err = io.EOF
		}
		if err != nil {
			l.start = copy(l.buf, before)
			l.end = l.start + copy(l.buf[l.start:], head)
			return line{}, err
		}
	}
}

// shift moves the current line to the front of buf, behind the bytes that are
// kept, and returns by how far.
func (l *lineReader) shift() int {
	from := max(0, l.start-keptBehind)
	copy(l.buf, l.buf[from:l.end])
	l.start -= from
	l.end -= from
	return from
}

func (l *lineReader) fill() error {
	if l.err != nil {
		return l.err
	}
	n, err := l.r.Read(l.buf[l.end:])
	l.end += n
	if errors.Is(err, io.EOF) {
		l.eof = true
		return nil
	}
	if n > 0 {
		l.err = err // the lines that came with it count
		return nil
	}
	return err
}

// torn tells whether bytes follow the last newline.
func (l *lineReader) torn() bool { return l.end > l.start }
