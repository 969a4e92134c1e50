package histories

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
)

// indexLog is a file of the index, under any name.
type indexLog struct {
	path   string
	serial int // number of the rotation, for names with dates
	lines  []*record
	begun  *record // a last line of which only a part is written
	gz     bool
	packed string // the suffix that its name got when it was compressed
	held   bool   // it was rotated away, but a writer may still write to it
	copied bool   // it is an operator's copy of the index, which a pass need not read
	time   int64  // its modification time
	made   int    // its place in the order of creation
}

func (l *indexLog) add(r *record) {
	l.lines = append(l.lines, r)
	r.whole = true
}

// size returns the bytes of the whole lines.
func (l *indexLog) size() (n int64) {
	for _, line := range l.lines {
		n += int64(len(line.text))
	}
	return n
}

// indexModel models the index, and how far passes have read it.
type indexModel struct {
	current   *indexLog
	rotated   []*indexLog // newest first
	rotations int
	naming    int // the scheme for the names of rotated files
	made      int
	copies    []*indexLog // at most one
	guesses   []guess     // the first is zero before a good pass; killed passes add others
}

// guess is a part of the index that may have been read: the start of a file. The zero guess
// means that nothing was read.
type guess struct {
	log   *indexLog
	lines []*record
	time  int64 // of the file
	made  int   // of the file
}

func (l *indexLog) guess() guess { return guess{l, slices.Clone(l.lines), l.time, l.made} }

func (g guess) isIn(l *indexLog) bool {
	return len(g.lines) > 0 && len(l.lines) >= len(g.lines) && slices.Equal(l.lines[:len(g.lines)], g.lines) ||
		len(g.lines) == 0 && l == g.log
}

func (m *machine) newShip() *record {
	s := &record{table: "ships", at: m.stamp(), host: m.host(), what: []string{"c1", "c2"}[m.r.IntN(2)]}
	s.text = fmt.Sprintf(`{"host_id": %q, "received_at_wall": %q, "code_commit": %q}`+"\n", s.host, wall(s.at), s.what)
	if m.r.IntN(20) == 0 {
		s.table, s.text = "", fmt.Sprintf("no row %d\n", s.at)
	}
	if m.r.IntN(5) == 0 {
		s.text = strings.TrimSuffix(s.text, "\n") + []string{"\r", "\r\n"}[m.r.IntN(2)]
	}
	m.written = append(m.written, s)
	return s
}

// write appends a text to a file of the index.
func (m *machine) write(l *indexLog, text string) {
	f, err := os.OpenFile(l.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
	m.check(err)
	_, err = f.WriteString(text)
	m.check(err)
	m.check(f.Close())
	m.touch(l)
}

// touch sets the modification time of a file to the machine's clock.
func (m *machine) touch(l *indexLog) {
	l.time = m.clock
	m.check(os.Chtimes(l.path, time.UnixMicro(m.clock), time.UnixMicro(m.clock)))
}

// finishLine writes the rest of a partly written line.
func (m *machine) finishLine(l *indexLog) {
	if l.begun != nil {
		m.write(l, l.begun.text[len(l.begun.text)/2:])
		l.add(l.begun)
		l.begun = nil
	}
}

func (m *machine) shipTo(l *indexLog) {
	m.finishLine(l)
	for range 1 + m.r.IntN(8) {
		s := m.newShip()
		m.write(l, s.text)
		l.add(s)
	}
}

func (m *machine) ship() { m.shipTo(m.index.current) }

func (m *machine) beginLine() {
	l := m.index.current
	m.finishLine(l)
	l.begun = m.newShip()
	m.write(l, l.begun.text[:len(l.begun.text)/2])
}

// shipLate writes to a file that was rotated away, as a writer that still has it open.
func (m *machine) shipLate() {
	var held []*indexLog
	for _, l := range m.index.rotated {
		if l.held {
			held = append(held, l)
		}
	}
	if len(held) > 0 {
		m.shipTo(held[m.r.IntN(len(held))])
	}
}

// makeRoom renames all rotated files to the next older place, and deletes the oldest if there
// are many.
func (m *machine) makeRoom() {
	x := &m.index
	if len(x.rotated) == 4 {
		m.remove(3)
	}
	for i := len(x.rotated) - 1; i >= 0; i-- {
		m.rename(x.rotated[i], i+2)
	}
}

// rename gives a rotated file the name of a place.
func (m *machine) rename(l *indexLog, place int) {
	name := [...]string{
		fmt.Sprintf("index.jsonl.%d", place),
		fmt.Sprintf("index.jsonl-202605%02d", l.serial),
		fmt.Sprintf("index-202605%02d.jsonl", l.serial),
	}[m.index.naming]
	name += l.packed
	m.check(os.Rename(l.path, m.dir+"/"+name))
	l.path = m.dir + "/" + name
}

func (m *machine) rotate() {
	x := &m.index
	if !m.hasDatabase() {
		return // files that were rotated away before the first pass are not read
	}
	m.rotated(x.current)
	x.current.held = true
	m.newIndex()
}

// rotated adds a file to the rotated ones.
func (m *machine) rotated(l *indexLog) {
	x := &m.index
	m.makeRoom()
	x.rotations++
	l.serial = x.rotations
	m.rename(l, 1)
	x.rotated = slices.Insert(x.rotated, 0, l)
}

// newFile returns a file that is created now.
func (m *machine) newFile(path string, lines []*record) *indexLog {
	m.index.made++
	return &indexLog{path: path, lines: lines, made: m.index.made}
}

func (m *machine) newIndex() {
	m.index.current = m.newFile(m.dir+"/index.jsonl", nil)
	m.write(m.index.current, "")
}

// compress compresses rotated files as logrotate does, at once or later.
func (m *machine) compress() {
	x := &m.index
	if len(x.rotated) == 0 {
		return
	}
	l := x.rotated[m.r.IntN(len(x.rotated))]
	if l.gz {
		return
	}
	content, err := os.ReadFile(l.path)
	m.check(err)
	info, err := os.Stat(l.path)
	m.check(err)
	packed := m.dir + "/packed"
	m.check(os.WriteFile(packed, m.pack(content), 0o640))
	m.check(os.Chtimes(packed, info.ModTime(), info.ModTime()))
	m.check(os.Remove(l.path))
	x.made++
	l.packed = []string{".gz", ".GZ", ".zst", "zip", ".old", ""}[m.r.IntN(6)]
	l.path, l.gz, l.begun, l.held, l.made = l.path+l.packed, true, nil, false, x.made
	m.check(os.Rename(packed, l.path))
}

// pack compresses the content of a file.
func (m *machine) pack(content []byte) []byte {
	var b bytes.Buffer
	var w io.WriteCloser = gzip.NewWriter(&b)
	if m.r.IntN(2) == 0 {
		zst, err := zstd.NewWriter(&b)
		m.check(err)
		w = zst
	}
	w.Write(content)
	m.check(w.Close())
	return b.Bytes()
}

func (m *machine) copyTruncate() {
	if !m.hasDatabase() {
		return
	}
	m.rotated(m.copyTo(m.dir + "/index.jsonl.new"))
	if m.r.IntN(2) == 0 {
		m.ship() // between the copy and the truncation
	}
	m.cut()
}

// copyTo copies the index into a new or existing file.
func (m *machine) copyTo(path string) *indexLog {
	content, err := os.ReadFile(m.index.current.path)
	m.check(err)
	m.check(os.WriteFile(path, content, 0o640))
	l := m.newFile(path, slices.Clone(m.index.current.lines))
	m.touch(l)
	return l
}

// copyIndex copies the index, as an operator may do.
func (m *machine) copyIndex() {
	l := m.copyTo(m.dir + "/index.jsonl.bak")
	l.copied = true
	if x := &m.index; len(x.copies) == 0 {
		x.copies = []*indexLog{l}
	} else {
		l.made = x.copies[0].made
		*x.copies[0] = *l // the same file
	}
}

// cut truncates the index to zero. Rows that are in no other file are lost. If no row of the
// index was read yet, no pass can notice that.
func (m *machine) cut() {
	l := m.index.current
	m.check(os.Truncate(l.path, 0))
	m.touch(l)
	l.lines = nil
	if l.begun != nil {
		// The rest of the line becomes a line of its own.
		rest := &record{text: l.begun.text[len(l.begun.text)/2:]}
		m.write(l, rest.text)
		l.lines, l.begun = []*record{rest}, nil
	}
}

// rewrite removes lines from the index, but keeps its start.
func (m *machine) rewrite() {
	l := m.index.current
	if l.begun != nil || len(l.lines) == 0 {
		return
	}
	first := m.r.IntN(len(l.lines))
	var kept []*record
	var text strings.Builder
	for i, line := range l.lines {
		if i < first || i > first && m.r.IntN(4) > 0 {
			kept = append(kept, line)
			text.WriteString(line.text)
		}
	}
	if m.r.IntN(2) == 0 {
		l.lines = kept
		m.check(os.WriteFile(l.path, []byte(text.String()), 0o640))
	} else {
		m.index.current = m.newFile(l.path, kept)
		m.check(os.WriteFile(l.path+".new", []byte(text.String()), 0o640))
		m.check(os.Rename(l.path+".new", l.path))
	}
	m.touch(m.index.current)
}

func (m *machine) removeRotated() {
	if n := len(m.index.rotated); n > 0 {
		m.remove(m.r.IntN(n))
		for i, l := range m.index.rotated { // the later files move up
			m.rename(l, i+1)
		}
	}
}

func (m *machine) remove(i int) {
	x := &m.index
	m.check(os.Remove(x.rotated[i].path))
	x.rotated = slices.Delete(x.rotated, i, i+1)
}

// files returns all files of the index.
func (x *indexModel) files() []*indexLog {
	return slices.Concat([]*indexLog{x.current}, x.rotated, x.copies)
}

// reads reports whether a pass certainly reads a rotated file to its end. It reads the file
// of the cursor, and the files that were written since, by their times, or all if the times
// do not tell. If the file of the cursor is no longer the index, it also reads the files
// that were created since. Without a cursor, it reads none.
func (x *indexModel) reads(l *indexLog) bool {
	return !slices.ContainsFunc(x.guesses, func(g guess) bool {
		later := l.time >= g.time || !l.gz && g.log != x.current && l.made > g.made
		return g.log == nil || !g.isIn(x.current) && !g.isIn(l) && !later && x.current.time >= g.time
	})
}
