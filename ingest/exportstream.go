package ingest

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
)

// errStream means that the input is not Journal Export Format
// (https://systemd.io/JOURNAL_EXPORT_FORMATS).
var errStream = errors.New("not Journal Export Format")

// maxField is how much of a field's value is kept, in bytes. journald splits the
// output of a service at 48 KiB, which is less.
const maxField = 64 << 10

// maxEntry is the longest entry accepted, in bytes. journald accepts none over 1 GiB.
// The limit ends a damaged entry that would never end by itself.
const maxEntry = 2 << 30

// entry holds the fields of a journal entry that the program uses. The slices are
// valid until the next entry is read.
type entry struct {
	cursor    []byte
	at        int64  // __REALTIME_TIMESTAMP, microseconds
	boot      []byte // _BOOT_ID
	monotonic int64  // __MONOTONIC_TIMESTAMP, microseconds since the boot; 0 if absent
	message   []byte
	priority  byte // '0' to '7'; 0 if absent
	pid       []byte
	unit      []byte // _SYSTEMD_UNIT
	about     []byte // UNIT, the unit that an entry of PID 1 is about
	object    []byte // OBJECT_SYSTEMD_UNIT
	messageID []byte
	dropped   []byte // N_DROPPED
	stream    []byte // _STREAM_ID, the connection on which journald received a service's output
	lineBreak []byte // _LINE_BREAK, the reason for the end of the message unless that is a line end
}

// exportReader reads Journal Export Format in bounded memory.
type exportReader struct {
	r      *bufio.Reader
	offset int64 // after the last whole entry
	pos    int64
	fields map[string]*[]byte
	values []*[]byte // of fields; a map takes long to iterate
	entry  entry
	begin  int64 // offset of the current entry and the blank lines before it
	at     []byte
	mono   []byte
	prio   []byte
}

func newExportReader(r io.Reader, offset int64) *exportReader {
	e := &exportReader{r: bufio.NewReaderSize(r, bufferSize), offset: offset, pos: offset}
	e.fields = map[string]*[]byte{
		"__CURSOR": &e.entry.cursor, "__REALTIME_TIMESTAMP": &e.at,
		"__MONOTONIC_TIMESTAMP": &e.mono, "_BOOT_ID": &e.entry.boot, "MESSAGE": &e.entry.message,
		"PRIORITY": &e.prio, "_PID": &e.entry.pid, "_SYSTEMD_UNIT": &e.entry.unit, "UNIT": &e.entry.about,
		"OBJECT_SYSTEMD_UNIT": &e.entry.object, "MESSAGE_ID": &e.entry.messageID, "N_DROPPED": &e.entry.dropped,
		"_STREAM_ID": &e.entry.stream, "_LINE_BREAK": &e.entry.lineBreak,
	}
	e.values = slices.Collect(maps.Values(e.fields))
	return e
}

// next returns the next whole entry. It returns io.EOF at the end of the stream, and
// io.ErrUnexpectedEOF if the stream ends inside an entry.
func (e *exportReader) next() (*entry, error) {
	for _, value := range e.values {
		*value = (*value)[:0]
	}
	e.entry.at, e.entry.priority = 0, 0
	e.begin = e.pos
	empty := true
	for {
		name, err := e.field()
		if errors.Is(err, io.EOF) && !empty {
			return nil, io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, err
		}
		if name {
			empty = false
			continue
		}
		if empty {
			continue // blank lines between entries
		}
		e.offset = e.pos
		if !e.parseTimes() {
			return nil, fmt.Errorf("%w: byte %d: an entry without a time", errStream, e.pos)
		}
		if len(e.prio) == 1 {
			e.entry.priority = e.prio[0]
		}
		return &e.entry, nil
	}
}

// parseTimes sets the times of the entry. It reports whether the entry has a valid
// wall-clock time.
func (e *exportReader) parseTimes() bool {
	at, err := strconv.ParseInt(string(e.at), 10, 64)
	e.entry.at = at
	e.entry.monotonic, _ = strconv.ParseInt(string(e.mono), 10, 64)
	return err == nil && at >= 0
}

// unfinished returns the fields read of the entry in which the stream ended. It
// returns nil if the cursor, the time or the boot is missing.
func (e *exportReader) unfinished() *entry {
	if !e.parseTimes() || len(e.entry.cursor) == 0 || len(e.entry.boot) == 0 {
		return nil
	}
	return &e.entry
}

// field reads one field. It returns false for the blank line that ends an entry.
func (e *exportReader) field() (bool, error) {
	text, err := e.r.ReadSlice('\n')
	long := errors.Is(err, bufio.ErrBufferFull)
	if err != nil && !long {
		e.pos += int64(len(text))
		if errors.Is(err, io.EOF) && len(text) > 0 {
			return false, io.ErrUnexpectedEOF
		}
		return false, err
	}
	if e.pos += int64(len(text)); e.pos-e.begin > maxEntry {
		return false, e.tooLong()
	}
	if len(text) == 1 {
		return false, nil
	}
	equals := bytes.IndexByte(text, '=')
	if equals < 0 && !long {
		return true, e.binary(text[:len(text)-1])
	}
	if equals <= 0 || !isFieldName(text[:equals]) {
		return false, fmt.Errorf("%w: byte %d", errStream, e.pos-int64(len(text)))
	}
	field := e.fields[string(text[:equals])]
	e.keep(field, bytes.TrimSuffix(text[equals+1:], []byte("\n")))
	for long {
		text, err = e.r.ReadSlice('\n')
		e.pos += int64(len(text))
		if e.pos-e.begin > maxEntry {
			return false, e.tooLong()
		}
		long = errors.Is(err, bufio.ErrBufferFull)
		if err != nil && !long {
			return false, io.ErrUnexpectedEOF
		}
	}
	return true, nil
}

// binary reads a field whose value has a length prefix.
func (e *exportReader) binary(name []byte) error {
	if !isFieldName(name) {
		return fmt.Errorf("%w: byte %d", errStream, e.pos-int64(len(name))-1)
	}
	field := e.fields[string(name)]
	var head [8]byte
	if _, err := io.ReadFull(e.r, head[:]); err != nil {
		return io.ErrUnexpectedEOF
	}
	length := binary.LittleEndian.Uint64(head[:])
	if length > maxEntry || e.pos-e.begin+int64(length) > maxEntry {
		return e.tooLong()
	}
	e.pos += 8 + int64(length) + 1
	kept := min(length, maxField)
	value := make([]byte, kept)
	if _, err := io.ReadFull(e.r, value); err != nil {
		return io.ErrUnexpectedEOF
	}
	e.keep(field, value)
	if _, err := io.CopyN(io.Discard, e.r, int64(length-kept)); err != nil {
		return io.ErrUnexpectedEOF
	}
	switch end, err := e.r.ReadByte(); {
	case err != nil:
		return io.ErrUnexpectedEOF
	case end != '\n':
		return fmt.Errorf("%w: byte %d", errStream, e.pos-1)
	}
	return nil
}

func (e *exportReader) tooLong() error {
	return fmt.Errorf("%w: byte %d: an entry of more than %d bytes", errStream, e.begin, int64(maxEntry))
}

// keep stores a field's value. The first of repeated fields counts.
func (e *exportReader) keep(field *[]byte, value []byte) {
	if field != nil && len(*field) == 0 {
		*field = append(*field, value[:min(len(value), maxField)]...)
	}
}

func isFieldName(name []byte) bool {
	for _, c := range name {
		if !(c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_') {
			return false
		}
	}
	return len(name) > 0 && len(name) <= 64
}
