package ingest

import (
	"fmt"
	"strings"
	"testing"
)

// factsOf returns the facts of a pass at time 1000 over an index with inode 2. At time
// 500, a pass read an index with inode 1 up to byte 100.
func factsOf(change ...func(*indexFacts)) indexFacts {
	f := indexFacts{stored: true, newest: 400, now: 1000, own: -1,
		cursor:  indexCursor{fileCursor: fileCursor{identity: identity{Inode: 1, Born: 10}, Offset: 100, ModTime: 500}},
		current: sibling{path: "index", identity: identity{Inode: 2, Born: 600}, size: 50, modTime: 900}}
	for _, c := range change {
		c(&f)
	}
	return f
}

// String returns the plan as one line: PATH@OFFSET of each file, then the gap.
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
	holds := func(f *indexFacts) { f.holds = true }
	empty := func(f *indexFacts) { f.cursor.Offset = 0 }
	clockBack := func(f *indexFacts) { f.current.modTime = 450 }
	resized := func(size int64) func(*indexFacts) {
		return func(f *indexFacts) { f.holds, f.current.size = false, size }
	}
	remember := func(i int) func(*indexFacts) {
		return func(f *indexFacts) {
			f.cursor.Rotated = []fileCursor{{identity: f.beside[i].identity, Offset: f.beside[i].size, ModTime: f.beside[i].modTime}}
		}
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
		{"the first pass reads only the index", factsOf(func(f *indexFacts) { f.stored, f.cursor = false, indexCursor{} }, add(read)), neverRead, "index@0"},
		{"a rebuild reads all rotated files, oldest first", factsOf(func(f *indexFacts) { f.stored, f.rebuild, f.cursor = false, true, indexCursor{} },
			add(file("2", 3, 9, 1), other(file("notes", 4, 9, 2)), read)), isRebuild, "2@0 1@0 index@0"},
		{"an index that has grown goes on", factsOf(same, add(file("1", 3, 9, 900))), goesOn, "index@100"},
		{"a copy with the bytes read before goes on, too", factsOf(func(f *indexFacts) { f.holds = true }), goesOn, "index@100"},

		{"the end of a renamed index is read first", factsOf(add(read), own(0)), isAnother, "1@100 index@0"},
		{"after two renames, the file between is read as well", factsOf(add(read, file("0", 3, 9, 850)), own(0)), isAnother, "1@100 0@0 index@0"},
		{"the renamed index is read first even if it was written to last", factsOf(add(file("0", 3, 9, 750), read), own(1)), isAnother, "1@100 0@0 index@0"},
		{"files older than the last pass are not read", factsOf(add(before, read), own(1)), isAnother, "1@100 index@0"},
		{"a remembered file is not read again", factsOf(add(file("2", 3, 9, 700), read), own(1), remember(0)), isAnother, "1@100 index@0"},
		{"a remembered file that has grown is read", factsOf(add(file("2", 3, 19, 700), read), own(1), remember(0), func(f *indexFacts) { f.cursor.Rotated[0].Offset = 9 }),
			isAnother, "1@100 2@0 index@0"},
		{"a file with an unrelated name is not read", factsOf(add(read, other(file("notes", 3, 9, 850))), own(0)), isAnother, "1@100 index@0"},
		{"a file created since the last pass is read, even with an earlier time", factsOf(add(file("2", 3, 9, 100), read), own(1)), isAnother, "1@100 2@0 index@0"},
		{"the creation of a compressed file says nothing about its lines", factsOf(add(packed(file("2", 3, 9, 100)), read), own(1)), isAnother, "1@100 index@0"},
		{"after a clock step back, times do not matter", factsOf(clockBack, add(packed(file("2", 3, 9, 100)), before, read), own(2)), isAnother, "1@100 2@0 3@0 index@0"},
		{"the end of a compressed index is read first", factsOf(add(packed(file("1.gz", 3, 30, 850))), own(0)), isAnother, "1.gz@100 index@0"},

		{"an index that is gone leaves a gap", factsOf(), isAnother, "index@0 rotated-away"},
		{"an index that is gone leaves a gap beside another rotated file", factsOf(add(file("1", 3, 9, 850))), isAnother, "1@0 index@0 rotated-away"},
		{"so does one that became an unreadable compressed file", factsOf(add(packed(file("1.xz", 3, 30, 850)))), isAnother, "1.xz@0 index@0 rotated-away"},
		{"a truncated index leaves a gap", factsOf(same, resized(40)), isAnother, "index@0 truncated"},
		{"a copy of a truncated index is read", factsOf(same, resized(40), add(file("1", 3, 120, 850)), own(0)), isAnother, "1@100 index@0 truncated with a copy"},
		{"an index that was truncated and has grown past the cursor is rewritten", factsOf(same, resized(140)), isAnother, "index@0 rewritten"},
		{"a truncated and renamed index is read from its start", factsOf(add(cut)), isAnother, "1@0 index@0 truncated"},
		{"a rewritten and renamed index is read from its start", factsOf(add(read)), isAnother, "1@0 index@0 rewritten"},
		{"so is a truncated and renamed index after its copy", factsOf(add(file("2", 3, 120, 700), cut), own(0)), isAnother, "2@100 1@0 index@0 truncated with a copy"},

		{"an empty index goes on", factsOf(same, empty), wasEmpty, "index@0"},
		{"a file written since may be a copy of the empty index", factsOf(same, empty,
			add(file("2", 3, 9, 500), file("1", 4, 9, 501), other(file("notes", 5, 9, 600)))), wasEmpty, "1@0 index@0"},
		{"after a clock step back, any file may be a copy of the empty index", factsOf(same, empty, clockBack, add(file("1", 4, 9, 400))), wasEmpty, "1@0 index@0"},
		{"a remembered file is not a copy of the empty index", factsOf(same, empty, add(file("1", 4, 9, 600)), remember(0)), wasEmpty, "index@0"},
		{"an empty index that is gone leaves a gap", factsOf(empty, holds), isAnother, "index@0 rotated-away"},
		{"an empty index that was renamed is read", factsOf(empty, holds, add(read), own(0)), isAnother, "1@0 index@0"},
		{"an empty index that was renamed is read before its copy", factsOf(empty, holds, add(file("2", 3, 0, 800), read), own(1)), isAnother, "1@0 2@0 index@0"},
		{"an empty index may have become any new compressed file", factsOf(empty, holds, add(packed(file("1.gz", 3, 9, 850)))), isAnother, "1.gz@0 index@0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if p := planIndex(c.f); p.String() != c.want || p.reason != c.reason {
				t.Errorf("got %q because %s, want %q because %s", p, p.reason, c.want, c.reason)
			}
		})
	}
}

// TestEachPlanReadsTheIndexOnce tries all combinations of facts. A plan reads the index
// last, and no file twice. It has a gap if the bytes read before are nowhere.
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
			t.Fatalf("no gap, although the bytes read before are nowhere: %+v: %s", f, p)
		}
		if f.goesOn() && p.gap != nil {
			t.Fatalf("a gap, although the index goes on: %+v: %s", f, p)
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
		{"an unchanged file is not read", at(100, 500), "", "", lateUnchanged},
		{"a longer file is read", at(120, 500), "", "1", lateGrown},
		{"a file with another time is read", at(100, 501), "", "1", lateGrown},
		{"a copy of a file that is gone is read", nil, "1.gz", "1.gz", lateCopied},
		{"a file that is gone is forgotten", nil, "", "", lateGone},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if path, got := planLate(p, c, test.beside, test.copy); got != test.want || path != test.path {
				t.Errorf("got %q and %q, want %q and %q", path, got, test.path, test.want)
			}
		})
	}
}

func TestIsRotated(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"index.jsonl.1":        true,
		"index.jsonl.1.gz":     true,
		"index.jsonl-20260501": true,
		"index.jsonl.bak":      true,
		"index-20260501.jsonl": true,
		"index.1.jsonl.zst":    true,
		"index-other.jsonl":    false,
		"index-20260501":       false,
		"index":                false,
		"indexes.jsonl":        false,
		"other.jsonl":          false,
	} {
		if got := isRotated("index.jsonl", name); got != want {
			t.Errorf("isRotated(%q) = %v, want %v", name, got, want)
		}
	}
}

// TestTheGapOfAnotherIndexSaysSo: a renamed variable once took a word of the sentence
// with it, and no test read that sentence.
func TestTheGapOfAnotherIndexSaysSo(t *testing.T) {
	t.Parallel()
	const want = "another index is in place, and the one read up to byte "
	if p := planIndex(factsOf()); p.gap == nil || !strings.HasPrefix(p.gap.Detail, want) {
		t.Errorf("the gap is %+v, want a detail that begins with %q", p.gap, want)
	}
}
