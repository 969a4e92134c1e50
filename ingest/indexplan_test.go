package ingest

import (
	"fmt"
	"strings"
	"testing"
)

// factsOf is a pass at time 1000 over an index of inode 2, when another one of
// inode 1 was read up to byte 100 at time 500.
func factsOf(change ...func(*indexFacts)) indexFacts {
	f := indexFacts{stored: true, newest: 400, now: 1000, own: -1,
		cursor:  indexCursor{fileCursor: fileCursor{identity: identity{Inode: 1, Born: 10}, Offset: 100, ModTime: 500}},
		current: sibling{path: "index", identity: identity{Inode: 2, Born: 600}, size: 50, modTime: 900}}
	for _, c := range change {
		c(&f)
	}
	return f
}

// String shows a plan in one line.
func (p indexPlan) String() string {
	var parts []string
	for _, s := range p.steps {
		parts = append(parts, fmt.Sprintf("%s@%d", s.path, s.from.Offset))
	}
	gap := ""
	if p.gap != nil {
		gap = " " + p.gap.Reason
		if strings.Contains(p.gap.Detail, "a copy of it was found") {
			gap += " with a copy"
		}
	}
	return strings.Join(parts, " ") + gap
}

func TestPlanIndex(t *testing.T) {
	t.Parallel()
	same := func(f *indexFacts) { f.current.identity, f.holds = f.cursor.identity, true }
	add := func(files ...sibling) func(*indexFacts) {
		return func(f *indexFacts) { f.beside = append(f.beside, files...) }
	}
	own := func(i int) func(*indexFacts) { return func(f *indexFacts) { f.own = i } }
	file := func(path string, inode uint64, size, modTime int64) sibling {
		return sibling{path: path, identity: identity{Inode: inode, Born: int64(inode) * 300}, size: size, modTime: modTime, rotated: true}
	}
	packed := func(s sibling) sibling { s.compressed = true; return s }
	other := func(s sibling) sibling { s.rotated = false; return s }
	read := file("1", 1, 120, 800)
	read.Born = 10
	cut := read
	cut.size = 40
	before := file("3", 3, 9, 400)
	before.Born = 5
	for _, c := range []struct {
		name   string
		f      indexFacts
		reason indexReason
		want   string
	}{
		{"the first pass reads the index alone", factsOf(func(f *indexFacts) { f.stored, f.cursor = false, indexCursor{} }, add(read)), neverRead, "index@0"},
		{"a rebuild reads all that was rotated away, oldest first", factsOf(func(f *indexFacts) { f.stored, f.rebuild, f.cursor = false, true, indexCursor{} },
			add(file("2", 3, 9, 1), other(file("notes", 4, 9, 2)), read)), isRebuild, "2@0 1@0 index@0"},
		{"an index that has grown goes on", factsOf(same, add(file("1", 3, 9, 900))), goesOn, "index@100"},
		{"a copy that holds what was read goes on, too", factsOf(func(f *indexFacts) { f.holds = true }), goesOn, "index@100"},

		{"the file that was read was renamed: its end is read first", factsOf(add(read), own(0)), isAnother, "1@100 index@0"},
		{"it was renamed twice: so is the file between", factsOf(add(read, file("0", 3, 9, 850)), own(0)), isAnother, "1@100 0@0 index@0"},
		{"a file that was read before is not read again", factsOf(add(before, read), own(1)), isAnother, "1@100 index@0"},
		{"one that the cursor remembers is not, either", factsOf(add(file("2", 3, 9, 700), read), own(1), func(f *indexFacts) {
			f.cursor.Rotated = []fileCursor{{identity: f.beside[0].identity, Offset: 9, ModTime: 700}}
		}), isAnother, "1@100 index@0"},
		{"one that the cursor remembers is, if it has grown", factsOf(add(file("2", 3, 19, 700), read), own(1), func(f *indexFacts) {
			f.cursor.Rotated = []fileCursor{{identity: f.beside[0].identity, Offset: 9, ModTime: 700}}
		}), isAnother, "1@100 2@0 index@0"},
		{"a file of another name is not one of the index", factsOf(add(read, other(file("notes", 3, 9, 850))), own(0)), isAnother, "1@100 index@0"},
		{"one that was made since is read, though its time is earlier", factsOf(add(file("2", 3, 9, 100), read), own(1)), isAnother, "1@100 2@0 index@0"},
		{"of a compressed one, the birth tells nothing", factsOf(add(packed(file("2", 3, 9, 100)), read), own(1)), isAnother, "1@100 index@0"},
		{"by a clock that went back, times tell nothing", factsOf(add(packed(file("2", 3, 9, 100)), read), own(1), func(f *indexFacts) { f.current.modTime = 450 }), isAnother, "1@100 2@0 index@0"},
		{"the file that was read is compressed", factsOf(add(packed(file("1.gz", 3, 30, 850))), own(0)), isAnother, "1.gz@100 index@0"},

		{"it is gone", factsOf(), isAnother, "index@0 rotated-away"},
		{"it is gone, and another one was rotated since", factsOf(add(file("1", 3, 9, 850))), isAnother, "1@0 index@0 rotated-away"},
		{"the index was cut", factsOf(same, func(f *indexFacts) { f.holds, f.current.size = false, 40 }), isAnother, "index@0 truncated"},
		{"it was cut, and a copy was made before", factsOf(same, func(f *indexFacts) { f.holds, f.current.size = false, 40 }, add(file("1", 3, 120, 850)), own(0)),
			isAnother, "1@100 index@0 truncated with a copy"},
		{"it was cut, and has grown past what was read", factsOf(same, func(f *indexFacts) { f.holds, f.current.size = false, 140 }), isAnother, "index@0 rewritten"},
		{"it was cut, and renamed", factsOf(add(cut)), isAnother, "1@0 index@0 truncated"},
		{"it was rewritten, and renamed", factsOf(add(read)), isAnother, "1@0 index@0 rewritten"},

		{"the index was empty, and is the same", factsOf(same, func(f *indexFacts) { f.cursor.Offset = 0 }), wasEmpty, "index@0"},
		{"the index was empty: a file written since may be a copy of it", factsOf(same, func(f *indexFacts) { f.cursor.Offset = 0 },
			add(file("2", 3, 9, 500), file("1", 4, 9, 501), other(file("notes", 5, 9, 600)))), wasEmpty, "1@0 index@0"},
		{"the index was empty, and is another one now", factsOf(func(f *indexFacts) { f.cursor.Offset, f.holds = 0, true }), isAnother, "index@0 rotated-away"},
		{"the empty index was renamed", factsOf(func(f *indexFacts) { f.cursor.Offset, f.holds = 0, true }, add(read), own(0)), isAnother, "1@0 index@0"},
		{"the empty index became one of the compressed files", factsOf(func(f *indexFacts) { f.cursor.Offset, f.holds = 0, true }, add(packed(file("1.gz", 3, 9, 850)))), isAnother, "1.gz@0 index@0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if p := planIndex(c.f); p.String() != c.want || p.reason != c.reason {
				t.Errorf("got %q because %s, want %q because %s", p, p.reason, c.want, c.reason)
			}
		})
	}
}

// TestEachPlanReadsTheIndexOnce: whatever the facts, the index is read last and
// once, no other file twice, and what was not found where it was is a gap.
func TestEachPlanReadsTheIndexOnce(t *testing.T) {
	t.Parallel()
	for bits := range 1 << 12 {
		bit := func(i int) bool { return bits>>i&1 == 1 }
		f := factsOf(func(f *indexFacts) {
			f.stored, f.rebuild, f.holds = bit(0), bit(1), bit(2)
			if bit(3) {
				f.current.identity = f.cursor.identity
			}
			if bit(4) {
				f.cursor.Offset = 0
			}
			if bit(5) {
				f.current.modTime = 450
			}
			for i := range 2 {
				f.beside = append(f.beside, sibling{path: fmt.Sprint(i), identity: identity{Inode: uint64(1 + 2*i)}, size: 90,
					modTime: 400, rotated: bit(6 + i), compressed: bit(8 + i)})
				if bit(10) {
					f.beside[i].modTime = 700
				}
			}
			if bit(11) {
				f.own = 1
			}
		})
		p, seen := planIndex(f), map[string]bool{}
		for i, s := range p.steps {
			if (s.do == readIndex) != (i == len(p.steps)-1) || seen[s.path] {
				t.Fatalf("%+v: %s", f, p)
			}
			seen[s.path] = true
		}
		found := f.goesOn() || f.own >= 0 && f.changed() == nil
		if f.stored && !found && p.gap == nil && f.cursor.Offset > 0 {
			t.Fatalf("no gap, though what was read is not there: %+v: %s", f, p)
		}
		if f.goesOn() && p.gap != nil {
			t.Fatalf("a gap, though the index goes on: %+v: %s", f, p)
		}
	}
}

func TestPlanLate(t *testing.T) {
	t.Parallel()
	c := fileCursor{identity: identity{Inode: 7}, Offset: 100, ModTime: 500}
	p := indexCursor{Rotated: []fileCursor{c}}
	at := func(size, modTime int64) []sibling {
		return []sibling{{path: "1", identity: c.identity, size: size, modTime: modTime}}
	}
	for _, test := range []struct {
		name   string
		beside []sibling
		copy   string
		path   string
		want   lateReason
	}{
		{"a file that was read to its end is left alone", at(100, 500), "", "", lateUnchanged},
		{"one with more bytes is read on", at(120, 500), "", "1", lateGrown},
		{"one that was touched is looked at", at(100, 501), "", "1", lateGrown},
		{"one that was compressed is read there", nil, "1.gz", "1.gz", lateCopied},
		{"one that is nowhere is forgotten", nil, "", "", lateGone},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if path, got := planLate(p, c, test.beside, test.copy); got != test.want || path != test.path {
				t.Errorf("got %q and %q, want %q and %q", path, got, test.path, test.want)
			}
		})
	}
}
