package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// indexLog is a file of the index, whatever its name is now.
type indexLog struct {
	path  string
	lines []*record
	begun *record // a last line of which only a part stands there
	gz    bool
	time  int64 // its modification time
}

func (l *indexLog) add(r *record) {
	l.lines = append(l.lines, r)
	r.whole = true
}

// size is how many bytes the whole lines have.
func (l *indexLog) size() (n int64) {
	for _, line := range l.lines {
		n += int64(len(line.text))
	}
	return n
}

// indexModel is what is known of the index and of what passes have read of it.
type indexModel struct {
	current *indexLog
	rotated []*indexLog // the newest first
	late    *indexLog   // a writer may still write to it
	guesses []guess     // the first, zero before a good pass, and those that killed passes add
}

// guess is a place to which the index may have been read: the beginning of a
// file. The zero guess says that it was not.
type guess struct {
	log   *indexLog
	lines []*record
	time  int64 // the file's
}

func (l *indexLog) guess() guess { return guess{l, slices.Clone(l.lines), l.time} }

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
	m.written = append(m.written, s)
	return s
}

// write appends to a file of the index.
func (m *machine) write(l *indexLog, text string) {
	f, err := os.OpenFile(l.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
	m.check(err)
	_, err = f.WriteString(text)
	m.check(err)
	m.check(f.Close())
	m.touch(l)
}

// touch gives a file the machine's time.
func (m *machine) touch(l *indexLog) {
	l.time = m.clock
	m.check(os.Chtimes(l.path, time.UnixMicro(m.clock), time.UnixMicro(m.clock)))
}

// finishLine writes the rest of a line that was begun.
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

// shipLate is a writer that has not let go of the file that was rotated away.
func (m *machine) shipLate() {
	if l := m.index.late; l != nil {
		m.shipTo(l)
	}
}

// makeRoom renames the rotated files, and deletes the oldest when there are many.
func (m *machine) makeRoom() {
	x := &m.index
	if len(x.rotated) == 4 {
		m.remove(3)
	}
	for i := len(x.rotated) - 1; i >= 0; i-- {
		old := x.rotated[i]
		name := fmt.Sprintf("%s/index.jsonl.%d", m.dir, i+2)
		if old.gz {
			name += ".gz"
		}
		m.check(os.Rename(old.path, name))
		old.path = name
	}
}

func (m *machine) rotate() {
	x := &m.index
	if !m.hasDatabase() {
		return // what was rotated away before the first pass is not read
	}
	m.makeRoom()
	old := x.current
	m.check(os.Rename(old.path, m.dir+"/index.jsonl.1"))
	old.path = m.dir + "/index.jsonl.1"
	x.rotated = slices.Insert(x.rotated, 0, old)
	x.late = old
	m.newIndex()
}

func (m *machine) newIndex() {
	m.index.current = &indexLog{path: m.dir + "/index.jsonl"}
	m.write(m.index.current, "")
}

// compress is what logrotate does, at once or later.
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
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(content)
	m.check(w.Close())
	m.check(os.WriteFile(l.path+".gz", b.Bytes(), 0o640))
	m.check(os.Chtimes(l.path+".gz", info.ModTime(), info.ModTime()))
	m.check(os.Remove(l.path))
	l.path, l.gz, l.begun = l.path+".gz", true, nil
	if l == x.late {
		x.late = nil
	}
}

func (m *machine) copyTruncate() {
	if !m.hasDatabase() {
		return
	}
	m.makeRoom()
	x := &m.index
	content, err := os.ReadFile(x.current.path)
	m.check(err)
	backup := &indexLog{path: m.dir + "/index.jsonl.1", lines: slices.Clone(x.current.lines)}
	m.check(os.WriteFile(backup.path, content, 0o640))
	m.touch(backup)
	x.rotated = slices.Insert(x.rotated, 0, backup)
	x.late = nil
	if m.r.IntN(2) == 0 {
		m.ship() // after the copy, before the cut
	}
	m.cut()
}

// cut empties the index. What no file holds then is lost, and if nothing of the
// index was read yet, nobody can know.
func (m *machine) cut() {
	l := m.index.current
	m.check(os.Truncate(l.path, 0))
	m.touch(l)
	l.lines = nil
	if l.begun != nil {
		// The rest of the line comes to stand alone.
		rest := &record{text: l.begun.text[len(l.begun.text)/2:]}
		m.write(l, rest.text)
		l.lines, l.begun = []*record{rest}, nil
	}
}

// rewrite takes lines out of the index, behind a beginning that stays.
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
		m.index.current = &indexLog{path: l.path, lines: kept}
		m.check(os.WriteFile(l.path+".new", []byte(text.String()), 0o640))
		m.check(os.Rename(l.path+".new", l.path))
	}
	m.touch(m.index.current)
}

func (m *machine) removeRotated() {
	if n := len(m.index.rotated); n > 0 {
		m.remove(m.r.IntN(n))
		for i := range m.index.rotated { // the names close up
			m.rename(i)
		}
	}
}

func (m *machine) rename(i int) {
	l := m.index.rotated[i]
	name := fmt.Sprintf("%s/index.jsonl.%d", m.dir, i+1)
	if l.gz {
		name += ".gz"
	}
	if name != l.path {
		m.check(os.Rename(l.path, name))
		l.path = name
	}
}

func (m *machine) remove(i int) {
	x := &m.index
	l := x.rotated[i]
	m.check(os.Remove(l.path))
	x.rotated = slices.Delete(x.rotated, i, i+1)
	if l == x.late {
		x.late = nil
	}
}

// files are all files of the index.
func (x *indexModel) files() []*indexLog { return append([]*indexLog{x.current}, x.rotated...) }

// reads tells whether a pass reads a file beside the index to its end, wherever
// the last one may have ended: the file that was read last, those that were
// written since, by their times, and all if these say nothing; none without a
// place to go on from.
func (x *indexModel) reads(l *indexLog) bool {
	return !slices.ContainsFunc(x.guesses, func(g guess) bool {
		return g.log == nil || !g.isIn(x.current) && !g.isIn(l) && l.time < g.time && x.current.time >= g.time
	})
}
