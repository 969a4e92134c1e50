package ingest

import (
	"bytes"
	"errors"
	"io"

	"github.com/cespare/xxhash/v2"
)

const (
	// maxLine is the length of the longest accepted index line, in bytes. A longer line
	// is skipped in constant memory.
	maxLine = 64 << 10
	// keptTail is how many bytes before the current line stay in memory. The cursor
	// needs their hash.
	keptTail   = tailBytes
	bufferSize = 256 << 10
)

// lineReader splits a stream into lines that end in LF, CR or CR LF, like Python's text
// mode. A last line without an end is torn. A CR ends its line at once, even at the end
// of a file. If an LF is appended later, it is skipped then.
type lineReader struct {
	r      io.Reader
	buf    []byte
	start  int   // of the current line in buf
	end    int   // of the valid bytes in buf
	lf     int   // buf[start:lf] contains no LF
	offset int64 // of the current line in the file
	eof    bool
	err    error // the error after the bytes in buf
}

// newLineReader returns a reader of r, whose next byte is at offset in its file. tail
// holds the bytes before offset.
func newLineReader(r io.Reader, offset int64, tail []byte) *lineReader {
	l := &lineReader{r: r, buf: make([]byte, bufferSize), offset: offset}
	l.start = copy(l.buf, tail)
	l.end = l.start
	return l
}

// tail returns up to keptTail bytes before the current line.
func (l *lineReader) tail() []byte { return l.buf[max(0, l.start-keptTail):l.start] }

// line is one line of a file. head is the whole line without its end, or the start of
// the line if it is too long.
type line struct {
	head   []byte
	offset int64
	length int64 // bytes, without the line end
	hash   uint64
	long   bool
}

// next returns the next whole line, or io.EOF. The line is valid until the next call.
func (l *lineReader) next() (line, error) {
	searched := l.start
	for {
		if l.start > 0 && l.start < l.end && l.buf[l.start] == '\n' && l.buf[l.start-1] == '\r' {
			l.start++ // second byte of the last line's CR LF
			l.offset++
			searched = l.start
		}
		if end := l.lineEnd(searched); end >= 0 {
			at := line{head: l.buf[l.start:end], offset: l.offset, length: int64(end - l.start)}
			if at.length > maxLine {
				at.long = true
				at.hash = xxhash.Sum64(at.head)
			}
			l.pass(end)
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

// lineEnd returns the index in buf of the first LF or CR at or after from, or -1. It
// searches for LF first and only once, because most files have no CR.
func (l *lineReader) lineEnd(from int) int {
	l.lf = max(l.lf, from)
	n := bytes.IndexByte(l.buf[l.lf:l.end], '\n')
	if n < 0 {
		l.lf = l.end
	} else {
		l.lf += n
	}
	if i := bytes.IndexByte(l.buf[from:l.lf], '\r'); i >= 0 {
		return from + i
	}
	if n < 0 {
		return -1
	}
	return l.lf
}

// pass moves the reader past a line whose end is at buf[end].
func (l *lineReader) pass(end int) {
	l.offset += int64(end + 1 - l.start)
	l.start = end + 1
}

// skip reads past a line that is too long. If the line's end cannot be read, the reader
// stays before the line, as for any other torn line.
func (l *lineReader) skip() (line, error) {
	before := bytes.Clone(l.tail())
	head := bytes.Clone(l.buf[l.start : l.start+headBytes])
	hash := xxhash.New()
	length := int64(0)
	for {
		if end := l.lineEnd(l.start); end >= 0 {
			rest := l.buf[l.start:end]
			hash.Write(rest)
			at := line{head: head, offset: l.offset, length: length + int64(len(rest)), hash: hash.Sum64(), long: true}
			l.offset += length
			l.pass(end)
			return at, nil
		}
		rest := l.buf[l.start:l.end]
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
			l.lf = l.start
			return line{}, err
		}
	}
}

// shift moves the current line and the kept tail to the front of buf. It returns by how
// many bytes.
func (l *lineReader) shift() int {
	from := max(0, l.start-keptTail)
	copy(l.buf, l.buf[from:l.end])
	l.start -= from
	l.end -= from
	l.lf -= from
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
		l.err = err // return the bytes read before the error first
		return nil
	}
	return err
}

// torn reports whether bytes follow the last line end.
func (l *lineReader) torn() bool { return l.end > l.start }
