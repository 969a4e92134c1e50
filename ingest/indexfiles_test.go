package ingest_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cis490/fleet-health/ingest"
	"github.com/cis490/fleet-health/store"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"
)

// indexDir is a directory with an index in it, and the files beside it.
type indexDir struct {
	t   testing.TB
	dir string
	s   *store.Store
}

func newIndexDir(t testing.TB) *indexDir {
	t.Helper()
	return &indexDir{t: t, dir: t.TempDir(), s: mustOpen(t)}
}

func (d *indexDir) path(name string) string { return filepath.Join(d.dir, name) }

func (d *indexDir) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// write makes a file anew, in place if it is there.
func (d *indexDir) write(name string, parts ...string) {
	d.t.Helper()
	d.must(os.WriteFile(d.path(name), []byte(strings.Join(parts, "")), 0o600))
}

func (d *indexDir) append(name string, parts ...string) {
	d.t.Helper()
	f, err := os.OpenFile(d.path(name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	d.must(err)
	_, err = f.WriteString(strings.Join(parts, ""))
	d.must(err)
	d.must(f.Close())
}

func (d *indexDir) rename(from, to string) {
	d.t.Helper()
	d.must(os.Rename(d.path(from), d.path(to)))
}

// rotate renames the index and makes another.
func (d *indexDir) rotate(to string, parts ...string) {
	d.t.Helper()
	d.rename("index.jsonl", to)
	d.write("index.jsonl", parts...)
}

// written sets when a file was written last.
func (d *indexDir) written(name string, at time.Time) {
	d.t.Helper()
	d.must(os.Chtimes(d.path(name), at, at))
}

func (d *indexDir) pass() (ingest.Result, error) {
	return ingest.Index(d.t.Context(), d.s, ingest.IndexOptions{Path: d.path("index.jsonl"), Now: now})
}

// read does a pass, which must succeed, and returns the hosts of all ships by
// time, then the reasons of all gaps.
func (d *indexDir) read() (hosts string) {
	d.t.Helper()
	_, err := d.pass()
	d.must(err)
	return strings.Join(rows(d.t, d.s, "SELECT host FROM ship_log ORDER BY received_at"), " ") + "|" + gapsOf(d.t, d.s)
}

// ends does a pass that ends when it has stored so many lines, or more.
func (d *indexDir) ends(lines int) {
	d.t.Helper()
	ctx, cancel := context.WithCancel(d.t.Context())
	_, err := ingest.Index(ctx, d.s, ingest.IndexOptions{Path: d.path("index.jsonl"), Now: now, Progress: func(read int, _, _ int64) {
		if read >= lines {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		d.t.Errorf("the pass ends with %v", err)
	}
}

// ship is the n-th line of the index.
func ship(n int) string {
	return fmt.Sprintf(`{"host_id":"h%d","received_at_wall":"2026-05-01T10:%02d:00+00:00","padding":"%s"}`+"\n", n, n, strings.Repeat("p", 50))
}

func compressed(t testing.TB, ext, content string) string {
	t.Helper()
	var b bytes.Buffer
	if ext == ".gz" {
		w := gzip.NewWriter(&b)
		w.Write([]byte(content))
		w.Close()
		return b.String()
	}
	w, err := zstd.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	w.Write([]byte(content))
	w.Close()
	return b.String()
}

// TestIndexFilesThatComeAndGo: each step changes the files and then reads. The
// hosts of all ships come out once each, whatever was done to the files.
func TestIndexFilesThatComeAndGo(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		between func(d *indexDir) // the pass that reads ships 1 and 2, and the next
		want    string
	}{
		"appended": {func(d *indexDir) { d.append("index.jsonl", ship(3)) }, "h1 h2 h3|"},
		"renamed": {func(d *indexDir) {
			d.append("index.jsonl", ship(3))
			d.rotate("index.jsonl.1", ship(4))
		}, "h1 h2 h3 h4|"},
		"renamed with the date": {func(d *indexDir) {
			d.append("index.jsonl", ship(3))
			d.rotate("index.jsonl-20260501", ship(4))
		}, "h1 h2 h3 h4|"},
		"renamed with the date before its extension": {func(d *indexDir) {
			d.append("index.jsonl", ship(3))
			d.rotate("index-20260501.jsonl", ship(4))
		}, "h1 h2 h3 h4|"},
		// The file between was not read, and nothing said so.
		"renamed twice with the date before its extension": {func(d *indexDir) {
			d.rename("index.jsonl", "index-20260501.jsonl")
			d.write("index-20260502.jsonl", ship(3))
			d.write("index-of-another.jsonl", ship(8))
			d.write("index.jsonl", ship(4))
		}, "h1 h2 h3 h4|"},
		// The copy was taken for the index, and the index for one that was rewritten.
		"copied, and renamed with the date": {func(d *indexDir) {
			d.write("index.jsonl.bak", ship(1), ship(2))
			hourAgo := time.Now().Add(-time.Hour)
			d.written("index.jsonl.bak", hourAgo)
			d.append("index.jsonl", ship(3))
			d.rotate("index.jsonl-20260501", ship(4))
		}, "h1 h2 h3 h4|"},
		"rotated twice": {func(d *indexDir) {
			d.append("index.jsonl", ship(3))
			d.rename("index.jsonl", "index.jsonl.2")
			d.write("index.jsonl.1", ship(4))
			d.write("index.jsonl", ship(5))
		}, "h1 h2 h3 h4 h5|"},
		"rotated twice, and the first written to last": {func(d *indexDir) {
			d.rename("index.jsonl", "index.jsonl.2")
			d.write("index.jsonl.1", ship(3))
			d.append("index.jsonl.2", ship(4))
			later := time.Now().Add(time.Minute)
			d.written("index.jsonl.2", later)
			d.write("index.jsonl", ship(5))
		}, "h1 h2 h3 h4 h5|"},
		"rotated and compressed with gzip": {func(d *indexDir) {
			d.must(os.Remove(d.path("index.jsonl")))
			d.write("index.jsonl.1.gz", compressed(t, ".gz", ship(1)+ship(2)+ship(3)))
			d.write("index.jsonl", ship(4))
		}, "h1 h2 h3 h4|"},
		"rotated and compressed with zstd": {func(d *indexDir) {
			d.must(os.Remove(d.path("index.jsonl")))
			d.write("index.jsonl.1.zst", compressed(t, ".zst", ship(1)+ship(2)+ship(3)))
			d.write("index.jsonl", ship(4))
		}, "h1 h2 h3 h4|"},
		"rotated and compressed with xz": {func(d *indexDir) {
			d.must(os.Remove(d.path("index.jsonl")))
			d.write("index.jsonl.1.xz", "\xfd7zXZ\x00\nships 1 to 3\n") // its lines were taken for lines of the index
			d.write("index.jsonl", ship(4))
		}, "h1 h2 h4|rotated-away"},
		"rotated, and its compressed file is cut behind what was read": {func(d *indexDir) {
			d.must(os.Remove(d.path("index.jsonl")))
			whole := compressed(t, ".gz", ship(1)+ship(2)+ship(3))
			d.write("index.jsonl.1.gz", whole[:len(whole)-6])
			d.write("index.jsonl", ship(4))
		}, "h1 h2 h3 h4|rotated-away"},
		"rotated beside a file that is not the gzip it says": {func(d *indexDir) {
			d.append("index.jsonl", ship(3))
			d.rename("index.jsonl", "index.jsonl.1")
			hourAgo := time.UnixMicro(now - store.Hour)
			d.written("index.jsonl.1", hourAgo)
			d.write("index.jsonl.2.gz", "no gzip")
			d.write("index.jsonl", ship(4))
		}, "h1 h2 h3 h4|rotated-away"},
		"gone": {func(d *indexDir) {
			d.write("new", ship(4))
			d.rename("new", "index.jsonl")
		}, "h1 h2 h4|rotated-away"},
		"copied and truncated": {func(d *indexDir) {
			d.write("index.jsonl.1", ship(1), ship(2), ship(3))
			d.write("index.jsonl", ship(4))
		}, "h1 h2 h3 h4|truncated"},
		"truncated to nothing": {func(d *indexDir) { d.write("index.jsonl") }, "h1 h2|truncated"},
		"truncated, and grown past what was read": {func(d *indexDir) {
			d.write("index.jsonl", ship(3), ship(4), ship(5))
		}, "h1 h2 h3 h4 h5|rewritten"},
		"truncated and grown, with the head that it had": {func(d *indexDir) {
			d.write("index.jsonl", ship(1), ship(4), ship(5))
		}, "h1 h2 h4 h5|rewritten"},
		"replaced by a rewritten file": {func(d *indexDir) {
			d.write("new", ship(2), ship(3))
			d.rename("new", "index.jsonl")
		}, "h1 h2 h3|rotated-away"},
		// What stood in a file that was cut or rewritten, and then renamed, was
		// lost; and if there was a copy of what had been read, without a word.
		"truncated, and renamed": {func(d *indexDir) {
			d.write("index.jsonl", ship(3))
			d.rotate("index.jsonl.1", ship(4))
		}, "h1 h2 h3 h4|truncated"},
		"rewritten, and renamed": {func(d *indexDir) {
			d.write("index.jsonl", ship(2), ship(3), ship(4))
			d.rotate("index.jsonl.1", ship(5))
		}, "h1 h2 h3 h4 h5|rewritten"},
		"copied and truncated, and renamed": {func(d *indexDir) {
			d.write("index.jsonl.2", ship(1), ship(2), ship(3))
			d.write("index.jsonl", ship(4))
			d.rotate("index.jsonl.1", ship(5))
		}, "h1 h2 h3 h4 h5|truncated"},
		"replaced, and renamed": {func(d *indexDir) {
			d.write("new", ship(2), ship(3))
			d.rename("new", "index.jsonl")
			d.rotate("index.jsonl.1", ship(4))
		}, "h1 h2 h3 h4|rotated-away"},
		"rotated twice, by a clock that went back": {func(d *indexDir) {
			d.rename("index.jsonl", "index.jsonl.2")
			d.write("index.jsonl.1", ship(3))
			d.write("index.jsonl", ship(4))
			hourAgo := time.Now().Add(-time.Hour)
			d.written("index.jsonl.1", hourAgo)
			d.written("index.jsonl", hourAgo)
		}, "h1 h2 h3 h4|"},
		// The file between was taken for one that had been read.
		"rotated twice, by a clock that went back and was set right": {func(d *indexDir) {
			d.rename("index.jsonl", "index.jsonl.2")
			d.write("index.jsonl.1", ship(3))
			hourAgo := time.Now().Add(-time.Hour)
			d.written("index.jsonl.1", hourAgo)
			d.write("index.jsonl", ship(4))
			later := time.Now().Add(time.Second)
			d.written("index.jsonl", later)
		}, "h1 h2 h3 h4|"},
		"replaced by a copy of itself that went on": {func(d *indexDir) {
			d.write("new", ship(1), ship(2), ship(3))
			d.rename("new", "index.jsonl")
		}, "h1 h2 h3|"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newIndexDir(t)
			d.write("index.jsonl", ship(1), ship(2))
			expect(t, "at first", d.read(), "h1 h2|")
			test.between(d)
			expect(t, "then", d.read(), test.want)
			expect(t, "once more", d.read(), test.want)
			d.append("index.jsonl", ship(9))
			hosts, gaps, _ := strings.Cut(test.want, "|")
			expect(t, "with another line", d.read(), hosts+" h9|"+gaps)
			expect(t, "quarantine", strings.Join(rows(t, d.s, "SELECT reason FROM quarantine_log"), " "), "")
		})
	}
}

// TestAWriterThatHasNotLetGo goes on writing to the file that was rotated away:
// what came after that file had been read to its end was lost.
func TestAWriterThatHasNotLetGo(t *testing.T) {
	t.Parallel()
	for _, ext := range []string{"", ".gz", ".zst"} {
		t.Run("old file"+ext, func(t *testing.T) {
			t.Parallel()
			d := newIndexDir(t)
			d.write("index.jsonl", ship(1))
			expect(t, "at first", d.read(), "h1|")
			d.rotate("index.jsonl.1")
			expect(t, "rotated", d.read(), "h1|")
			d.append("index.jsonl.1", ship(2)[:20])
			expect(t, "half a line", d.read(), "h1|")
			d.append("index.jsonl.1", ship(2)[20:])
			expect(t, "a line", d.read(), "h1 h2|")
			d.append("index.jsonl.1", ship(3))
			d.append("index.jsonl", ship(4))
			if ext != "" {
				d.write("index.jsonl.1"+ext, compressed(t, ext, ship(1)+ship(2)+ship(3)))
				d.must(os.Remove(d.path("index.jsonl.1")))
			}
			expect(t, "a line in each", d.read(), "h1 h2 h3 h4|")
			expect(t, "once more", d.read(), "h1 h2 h3 h4|")
			// Another file under the old one's name is not it.
			d.write("index.jsonl.1", ship(7), ship(8), ship(9), ship(9))
			expect(t, "another old file", d.read(), "h1 h2 h3 h4|")
		})
	}
}

// TestARotatedFileThatIsDamaged: what came to it after it had been read, and was
// lost when it was compressed, was lost without a word.
func TestARotatedFileThatIsDamaged(t *testing.T) {
	t.Parallel()
	d := newIndexDir(t)
	d.write("index.jsonl", ship(1))
	d.read()
	d.rotate("index.jsonl.1", ship(2))
	expect(t, "rotated", d.read(), "h1 h2|")
	whole := compressed(t, ".gz", ship(1)+strings.Repeat(ship(3), 20))
	d.write("index.jsonl.1.gz", whole[:len(whole)-20])
	d.must(os.Remove(d.path("index.jsonl.1")))
	d.append("index.jsonl", ship(4))
	if got := d.read(); !strings.HasSuffix(got, "h4|rotated-away") {
		t.Errorf("the damaged file left %q", got)
	}
}

// TestARotatedFileThatCannotBeOpenedForNow: it was taken for one that had been
// rewritten, and was not looked at again.
func TestARotatedFileThatCannotBeOpenedForNow(t *testing.T) {
	t.Parallel()
	d := newIndexDir(t)
	d.write("index.jsonl", ship(1))
	d.read()
	d.append("index.jsonl", ship(2))
	d.rotate("index.jsonl.1", ship(3))
	// Who holds a lease keeps others from opening a file, root included.
	holder, err := os.OpenFile(d.path("index.jsonl.1"), os.O_WRONLY, 0)
	d.must(err)
	defer holder.Close()
	_, err = unix.FcntlInt(holder.Fd(), unix.F_SETLEASE, unix.F_WRLCK)
	d.must(err)
	expect(t, "held", d.read(), "h1 h3|rotated-away")
	d.must(holder.Close())
	expect(t, "let go", d.read(), "h1 h2 h3|rotated-away")
	d.append("index.jsonl", ship(4))
	expect(t, "with another line", d.read(), "h1 h2 h3 h4|rotated-away")
}

// TestAFileThatIsBeingCompressed: its lines are all there, and a gap said that
// some may be missing.
func TestAFileThatIsBeingCompressed(t *testing.T) {
	t.Parallel()
	d := newIndexDir(t)
	d.write("index.jsonl", ship(1))
	d.read()
	d.append("index.jsonl", ship(2))
	d.rotate("index.jsonl.1", ship(3))
	whole := compressed(t, ".gz", ship(1)+ship(2))
	d.write("index.jsonl.1.gz", whole[:len(whole)-9])
	expect(t, "meanwhile", d.read(), "h1 h2 h3|")
	d.write("index.jsonl.1.gz", whole)
	d.must(os.Remove(d.path("index.jsonl.1")))
	expect(t, "then", d.read(), "h1 h2 h3|")
}

// TestAnOperatorsCopyIsNotWhatIsBeingCompressed: a copy beside a compressed file
// that is torn hid that its lines are missing.
func TestAnOperatorsCopyIsNotWhatIsBeingCompressed(t *testing.T) {
	t.Parallel()
	d := newIndexDir(t)
	d.write("index.jsonl", ship(1))
	d.read()
	d.append("index.jsonl", ship(2), ship(3))
	d.write("index.jsonl.copy", ship(1), ship(2), ship(3), ship(3))
	d.written("index.jsonl.copy", time.UnixMicro(now-store.Hour))
	whole := compressed(t, ".gz", ship(1)+ship(2)+ship(3))
	d.must(os.Remove(d.path("index.jsonl")))
	d.write("index.jsonl.1.gz", whole[:len(whole)-9])
	d.write("index.jsonl", ship(4))
	if got := d.read(); !strings.HasSuffix(got, "h4|rotated-away") {
		t.Errorf("got %q, want a gap", got)
	}
}

// TestACopyOfAnEmptyIndexThatCannotBeRead was passed over without a word.
func TestACopyOfAnEmptyIndexThatCannotBeRead(t *testing.T) {
	t.Parallel()
	d := newIndexDir(t)
	d.write("index.jsonl")
	expect(t, "empty", d.read(), "|")
	d.write("index.jsonl.1.xz", "\xfd7zXZ\x00\nships 1 and 2\n")
	later := time.Now().Add(time.Second)
	d.written("index.jsonl.1.xz", later)
	d.write("index.jsonl", ship(3))
	expect(t, "copied and truncated", d.read(), "h3|rotated-away")
	expect(t, "once more", d.read(), "h3|rotated-away")
}

// TestACopyOfAnIndexThatWasEmpty: it had nothing that would tell it from other
// files, and was not read.
func TestACopyOfAnIndexThatWasEmpty(t *testing.T) {
	t.Parallel()
	d := newIndexDir(t)
	d.write("index.jsonl.2", ship(8))
	hourAgo := time.Now().Add(-time.Hour)
	d.written("index.jsonl.2", hourAgo)
	d.write("index.jsonl")
	expect(t, "empty", d.read(), "|")
	d.write("index.jsonl.1", ship(1), ship(2))
	later := time.Now().Add(time.Second)
	d.written("index.jsonl.1", later)
	d.write("index.jsonl", ship(3))
	expect(t, "copied and truncated", d.read(), "h1 h2 h3|")
}

// TestACopyOfAnIndexThatWasEmptyByAClockThatWentBack: it was taken for one from
// before the index was read.
func TestACopyOfAnIndexThatWasEmptyByAClockThatWentBack(t *testing.T) {
	t.Parallel()
	d := newIndexDir(t)
	d.write("index.jsonl")
	expect(t, "empty", d.read(), "|")
	d.write("index.jsonl.1", ship(1), ship(2))
	d.write("index.jsonl", ship(3))
	hourAgo := time.Now().Add(-time.Hour)
	d.written("index.jsonl.1", hourAgo)
	d.written("index.jsonl", hourAgo)
	expect(t, "copied and truncated", d.read(), "h1 h2 h3|")
}

// TestAnIndexThatWasEmptyAndIsNotThere: what it had got by then was lost without
// a word, as was what came to it when it had been rotated away empty.
func TestAnIndexThatWasEmptyAndIsNotThere(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		between func(d *indexDir)
		want    string
	}{
		"gone": {func(d *indexDir) {
			d.write("new")
			d.rename("new", "index.jsonl")
		}, "h3|rotated-away"},
		"compressed": {func(d *indexDir) {
			d.write("new")
			d.rename("new", "index.jsonl")
			d.write("index.jsonl.1.gz", compressed(t, ".gz", ship(1)+ship(2)))
		}, "h1 h2 h3|"},
		"written to late": {func(d *indexDir) {
			d.rotate("index.jsonl.1")
			expect(t, "rotated", d.read(), "|")
			d.append("index.jsonl.1", ship(1))
		}, "h1 h3|"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newIndexDir(t)
			d.write("index.jsonl")
			expect(t, "empty", d.read(), "|")
			test.between(d)
			d.append("index.jsonl", ship(3))
			expect(t, "then", d.read(), test.want)
			expect(t, "once more", d.read(), test.want)
		})
	}
}

// TestAnEmptyFileBehindTheIndexIsWrittenToLate: the index was rotated twice at
// once, and what came late to the file between was not read.
func TestAnEmptyFileBehindTheIndexIsWrittenToLate(t *testing.T) {
	t.Parallel()
	d := newIndexDir(t)
	d.write("index.jsonl", ship(1))
	d.read()
	d.rename("index.jsonl", "index.jsonl.2")
	d.write("index.jsonl.1")
	d.write("index.jsonl", ship(3))
	expect(t, "rotated twice", d.read(), "h1 h3|")
	d.append("index.jsonl.1", ship(2))
	expect(t, "written to late", d.read(), "h1 h2 h3|")
}

// TestACopyBesideAFileThatIsWrittenToLate: the copy was read after the file, and
// taken for the one that may still be written to.
func TestACopyBesideAFileThatIsWrittenToLate(t *testing.T) {
	t.Parallel()
	d := newIndexDir(t)
	d.write("index.jsonl")
	d.read()
	d.write("index.jsonl.2")
	d.rename("index.jsonl", "index.jsonl.1")
	later := time.Now().Add(time.Hour)
	d.written("index.jsonl.2", later)
	d.written("index.jsonl.1", later)
	d.write("index.jsonl", ship(2))
	expect(t, "copied, and renamed", d.read(), "h2|")
	d.append("index.jsonl.1", ship(1))
	expect(t, "written to late", d.read(), "h1 h2|")
}

// TestAnEmptyFileBehindOneThatIsWrittenToLate: the file with the later time is
// not the one that was rotated away last.
func TestAnEmptyFileBehindOneThatIsWrittenToLate(t *testing.T) {
	t.Parallel()
	d := newIndexDir(t)
	d.write("index.jsonl", ship(1))
	d.read()
	d.rename("index.jsonl", "index.jsonl.2")
	d.write("index.jsonl.1")
	later := time.Now().Add(time.Hour)
	d.written("index.jsonl.2", later)
	d.write("index.jsonl", ship(3))
	expect(t, "rotated twice", d.read(), "h1 h3|")
	d.append("index.jsonl.1", ship(2))
	expect(t, "written to late", d.read(), "h1 h2 h3|")
}

// TestEachFileThatWasReadMayBeWrittenToLate: only one was remembered, and of
// names with dates nothing tells which of them was rotated away last.
func TestEachFileThatWasReadMayBeWrittenToLate(t *testing.T) {
	t.Parallel()
	d := newIndexDir(t)
	d.write("index.jsonl", ship(1))
	d.read()
	d.rename("index.jsonl", "index.jsonl-20260501")
	d.write("index.jsonl-20260502", ship(2))
	d.write("index.jsonl-20260502.bak", ship(2))
	d.write("index.jsonl", ship(3))
	expect(t, "rotated twice, and copied", d.read(), "h1 h2 h3|")
	want := "h1 h2 h3"
	for i, name := range []string{"index.jsonl-20260501", "index.jsonl-20260502", "index.jsonl-20260502.bak"} {
		d.append(name, ship(4+i))
		want += fmt.Sprint(" h", 4+i)
		expect(t, name+" is written to late", d.read(), want+"|")
	}
	d.rotate("index.jsonl-20260503", ship(7))
	expect(t, "rotated again", d.read(), want+" h7|")
	d.append("index.jsonl-20260501", ship(8))
	expect(t, "the first is written to later still", d.read(), want+" h7 h8|")
}

// TestAFileThatAnEndedPassHasReadMayBeWrittenToLate: the pass had got to the
// file behind it, and the one before was forgotten.
func TestAFileThatAnEndedPassHasReadMayBeWrittenToLate(t *testing.T) {
	t.Parallel()
	d := newIndexDir(t)
	d.write("index.jsonl", ship(1))
	d.read()
	d.rename("index.jsonl", "index.jsonl.2")
	hourAgo := time.Now().Add(-time.Hour)
	d.written("index.jsonl.2", hourAgo)
	d.write("index.jsonl.1", ship(2))
	d.write("index.jsonl", ship(3))
	d.ends(1)
	expect(t, "then", d.read(), "h1 h2 h3|")
	d.append("index.jsonl.2", ship(4))
	expect(t, "written to late", d.read(), "h1 h2 h3 h4|")
}

// TestAPassThatEndsInTheFileWrittenToLast: the next one took the others, whose
// times are earlier, for files that had been read.
func TestAPassThatEndsInTheFileWrittenToLast(t *testing.T) {
	t.Parallel()
	d := newIndexDir(t)
	d.write("index.jsonl", ship(1))
	hourAgo := time.Now().Add(-time.Hour)
	d.written("index.jsonl", hourAgo)
	d.read()
	d.rename("index.jsonl", "index.jsonl.2")
	d.write("index.jsonl.1", ship(2))
	d.append("index.jsonl.2", ship(3))
	later := time.Now().Add(time.Minute)
	d.written("index.jsonl.2", later)
	d.write("index.jsonl", ship(4))
	d.written("index.jsonl", later)
	d.ends(0)
	expect(t, "then", d.read(), "h1 h2 h3 h4|")
}

// TestAGapBeginsWhereTheFileWasRead: of an index without a good row, it began
// only when it was found, behind what may be missing.
func TestAGapBeginsWhereTheFileWasRead(t *testing.T) {
	t.Parallel()
	d := newIndexDir(t)
	d.write("index.jsonl", "no row\n")
	read := time.UnixMicro(now - 5*store.Minute)
	d.written("index.jsonl", read)
	d.read()
	d.write("index.jsonl")
	expect(t, "cut", d.read(), "|truncated")
	expect(t, "gap", strings.Join(rows(t, d.s, "SELECT from_at || ' ' || to_at FROM gap_log"), " "),
		"2026-05-01T11:55:00.000000Z 2026-05-01T12:00:00.000000Z")
}

// TestAGapIsKnownThoughThePassEnds right behind the copy of an index that was
// cut: the next pass went on from the copy, and saw nothing amiss.
func TestAGapIsKnownThoughThePassEnds(t *testing.T) {
	t.Parallel()
	d := newIndexDir(t)
	d.write("index.jsonl", ship(1), ship(2))
	d.read()
	d.write("index.jsonl.1", ship(1), ship(2), ship(3))
	d.write("index.jsonl", ship(4))
	d.ends(0)
	expect(t, "then", d.read(), "h1 h2 h3 h4|truncated")
}

// TestAPassThatEndsInAnEmptyCompressedFile: the next one took that file for one
// that had been rewritten.
func TestAPassThatEndsInAnEmptyCompressedFile(t *testing.T) {
	t.Parallel()
	d := newIndexDir(t)
	d.write("index.jsonl")
	d.read()
	d.write("index.jsonl.1.gz", compressed(t, ".gz", ""))
	d.write("new", ship(1))
	d.rename("new", "index.jsonl")
	d.ends(0)
	expect(t, "then", d.read(), "h1|")
}

// TestAnInodeThatIsUsedAgain: the file system gives a new index the inode of
// the old one, which stands beside it under another.
func TestAnInodeThatIsUsedAgain(t *testing.T) {
	t.Parallel()
	d := newIndexDir(t)
	d.write("index.jsonl", ship(1), ship(2))
	d.read()
	d.write("index.jsonl.1", ship(1), ship(2), ship(3)) // the old one, copied to another inode
	d.write("index.jsonl", ship(4), ship(5), ship(6))   // in place: the same inode
	expect(t, "ships", d.read(), "h1 h2 h3 h4 h5 h6|rewritten")
}

// TestTwoIndexesThatBeginAlike: the head alone would take one for the other.
func TestTwoIndexesThatBeginAlike(t *testing.T) {
	t.Parallel()
	d := newIndexDir(t)
	head := strings.Repeat("# a line that every file begins with\n", 60)
	d.write("index.jsonl", head, ship(1), ship(2))
	d.read()
	d.append("index.jsonl", ship(3))
	d.rotate("index.jsonl.1", head, ship(4), ship(5), ship(6), ship(7))
	expect(t, "ships", d.read(), "h1 h2 h3 h4 h5 h6 h7|")
}

func TestATornLineIsReadWhenItIsWhole(t *testing.T) {
	t.Parallel()
	d := newIndexDir(t)
	d.write("index.jsonl", ship(1), ship(2)[:30])
	result, err := d.pass()
	d.must(err)
	if result.Torn == "" || result.Read != 1 || result.TornAt == 0 {
		t.Errorf("read %d lines, torn %q since %d; want 1, the path and when", result.Read, result.Torn, result.TornAt)
	}
	d.append("index.jsonl", ship(2)[30:])
	if result, err = d.pass(); err != nil || result.Torn != "" || result.Saved.Ships != 1 {
		t.Errorf("stored %d ships, torn %q, error %v; want 1", result.Saved.Ships, result.Torn, err)
	}
}

// TestALongTornLineIsWaitedFor: the cursor took the line's own beginning for what
// stands before it, so that each pass said that the index had been rewritten and
// read it from its start; and that the line has no end was not told.
func TestALongTornLineIsWaitedFor(t *testing.T) {
	t.Parallel()
	d := newIndexDir(t)
	long := strings.Repeat("x", 500_000)
	d.write("index.jsonl", ship(1), long)
	for i, want := range []int{1, 0} {
		result, err := d.pass()
		d.must(err)
		if result.Read != want || result.Torn == "" || len(result.Gaps) > 0 {
			t.Errorf("pass %d read %d lines, torn %q, gaps %v; want %d, the path and none", i, result.Read, result.Torn, result.Gaps, want)
		}
	}
	d.append("index.jsonl", "\n", ship(2))
	result, err := d.pass()
	d.must(err)
	if result.Read != 2 || result.Saved.Ships != 1 || result.Quarantined != 1 || result.Torn != "" || len(result.Gaps) > 0 {
		t.Errorf("read %d lines, %d ships, %d quarantined, torn %q, gaps %v", result.Read, result.Saved.Ships, result.Quarantined, result.Torn, result.Gaps)
	}
}

// TestALineOfAGibibyteIsSkipped in constant memory.
func TestALineOfAGibibyteIsSkipped(t *testing.T) {
	// Not beside others: the memory that it measures is that of the process.
	d := newIndexDir(t)
	d.write("index.jsonl", ship(1))
	f, err := os.OpenFile(d.path("index.jsonl"), os.O_WRONLY, 0)
	d.must(err)
	_, err = f.WriteAt([]byte("\n"+ship(2)), 1<<30)
	d.must(err)
	d.must(f.Close())
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	result, err := d.pass()
	d.must(err)
	runtime.ReadMemStats(&after)
	if result.Read != 3 || result.Saved.Ships != 2 || result.Quarantined != 1 {
		t.Errorf("read %d lines, stored %d, quarantined %d; want 3, 2, 1", result.Read, result.Saved.Ships, result.Quarantined)
	}
	if grown := after.Sys - min(after.Sys, before.Sys); grown > 256<<20 {
		t.Errorf("memory grew by %d MiB", grown>>20)
	}
	expect(t, "once more", d.read(), "h1 h2|")
}

// TestQuarantine: a line that is no fact is counted by its reason and kept with
// its place, as far as its first bytes.
func TestQuarantine(t *testing.T) {
	t.Parallel()
	at := `"received_at_wall":"2026-05-01T10:00:00Z"`
	for line, reason := range map[string]string{
		"":                                      "not-json",
		"nonsense":                              "not-json",
		`{"host_id":"a",` + at:                  "not-json",
		`{"host_id":"a",` + at + `}}`:           "not-json",
		"\x00\x00\x00":                          "not-json",
		"{\"host_id\":\"a\x00\"," + at + "}":    "not-json",
		"{\"host_id\":\"\xff\"," + at + "}":     "invalid-utf8",
		`[]`:                                    "not-an-object",
		`"x"`:                                   "not-an-object",
		`3`:                                     "not-an-object",
		`null`:                                  "not-an-object",
		`{}`:                                    "no-host",
		`{"host_id":"",` + at + `}`:             "no-host",
		`{"host_id":null,` + at + `}`:           "no-host",
		`{"host_id":7,` + at + `}`:              "host-not-a-string",
		`{"host_id":["a"],` + at + `}`:          "host-not-a-string",
		`{"host_id":"a"}`:                       "no-time",
		`{"host_id":"a","received_at_wall":""}`: "no-time",
		`{"host_id":"a","received_at_wall":null}`:                      "no-time",
		`{"host_id":"a","received_at_wall":1777636800}`:                "unparsable-time",
		`{"host_id":"a","received_at_wall":"yesterday"}`:               "unparsable-time",
		`{"host_id":"a","received_at_wall":"2026-02-30T00:00:00Z"}`:    "unparsable-time",
		`{"host_id":"` + strings.Repeat("a", 70_000) + `",` + at + `}`: "too-long",
	} {
		t.Run(fmt.Sprintf("%.40q", line), func(t *testing.T) {
			t.Parallel()
			d := newIndexDir(t)
			d.write("index.jsonl", ship(1), line, "\n", ship(2))
			expect(t, "ships", d.read(), "h1 h2|")
			head := line[:min(len(line), 64)]
			if reason == "too-long" {
				head = line[:64]
			}
			got := rows(t, d.s, "SELECT reason || ' ' || position || ' ' || length || ' ' || hex(head) FROM quarantine")
			expect(t, "quarantine", strings.Join(got, ", "), fmt.Sprintf("%s %d %d %X", reason, len(ship(1)), len(line), head))
			d.read()
			expect(t, "counts", strings.Join(rows(t, d.s, "SELECT reason || ' ' || lines FROM quarantine_counts"), ", "), reason+" 1")
		})
	}
}

func TestQuarantineIsBounded(t *testing.T) {
	t.Parallel()
	d := newIndexDir(t)
	for n := range 300 {
		d.append("index.jsonl", fmt.Sprint("nonsense ", n, "\n"))
	}
	d.read()
	expect(t, "samples", strings.Join(rows(t, d.s, "SELECT COUNT(*) FROM quarantine"), ""), "100")
	expect(t, "count", strings.Join(rows(t, d.s, "SELECT lines FROM quarantine_counts"), ""), "300")
}

func TestOddLinesThatAreFacts(t *testing.T) {
	t.Parallel()
	d := newIndexDir(t)
	d.write("index.jsonl",
		"\xef\xbb\xbf"+`{"host_id":"bom","received_at_wall":"2026-05-01T10:00:00Z"}`+"\n",
		`{"host_id":"crlf","received_at_wall":"2026-05-01T10:01:00Z"}`+"\r\n",
		`{"host_id":"zoneless","received_at_wall":"2026-05-01T10:02:00.5"}`+"\n",
		`{"host_id":"offset","received_at_wall":"2026-05-01T12:03:00+02:00"}`+"\n",
		`{"host_id":"two","host_id":"last","received_at_wall":"2026-05-01T10:04:00Z","x":NaN}`+"\n")
	expect(t, "ships", d.read(), "bom crlf zoneless offset last|")
	expect(t, "time without a zone", rows(t, d.s, "SELECT received_at FROM ship_log WHERE host = 'zoneless'")[0], "2026-05-01T10:02:00.500000Z")
}

// TestAStampFromTheFutureMovesNothing: one bad row must not make a host look alive.
func TestAStampFromTheFutureMovesNothing(t *testing.T) {
	t.Parallel()
	d := newIndexDir(t)
	d.write("index.jsonl", ship(1), `{"host_id":"h1","received_at_wall":"2029-01-01T00:00:00Z"}`+"\n")
	result, err := d.pass()
	d.must(err)
	if result.Saved.Ships != 2 || result.Saved.Future != 1 {
		t.Errorf("stored %d ships, %d of the future; want 2 and 1", result.Saved.Ships, result.Saved.Future)
	}
	expect(t, "last ship", rows(t, d.s, "SELECT last_ship_at FROM host_status")[0], "2026-05-01T10:01:00.000000Z")
}

// TestAnIndexThatCannotBeReadIsAGap, which closes when it can be read again,
// with or without news in it.
func TestAnIndexThatCannotBeReadIsAGap(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(d *indexDir) error{
		"missing":     func(d *indexDir) error { return nil },
		"a symlink":   func(d *indexDir) error { return os.Symlink("away", d.path("index.jsonl")) },
		"a FIFO":      func(d *indexDir) error { return unix.Mkfifo(d.path("index.jsonl"), 0o600) },
		"a directory": func(d *indexDir) error { return os.Mkdir(d.path("index.jsonl"), 0o700) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newIndexDir(t)
			d.write("index.jsonl", ship(1))
			d.read()
			d.rename("index.jsonl", "away")
			d.must(spoil(d))
			for range 2 {
				if _, err := d.pass(); !errors.Is(err, ingest.ErrUnread) || !strings.Contains(err.Error(), d.path("index.jsonl")) {
					t.Errorf("got error %v, want ErrUnread with the path", err)
				}
			}
			expect(t, "gaps", gapsOf(t, d.s), "source-unread")
			d.rename("away", "back")
			os.Remove(d.path("index.jsonl"))
			d.rename("back", "index.jsonl")
			expect(t, "afterwards", d.read(), "h1|(source-unread)")
			d.append("index.jsonl", ship(2))
			expect(t, "later", d.read(), "h1 h2|(source-unread)")
		})
	}
}

func TestAnEmptyIndexIsAFleetWithoutHosts(t *testing.T) {
	t.Parallel()
	d := newIndexDir(t)
	d.write("index.jsonl")
	expect(t, "empty", d.read(), "|")
	d.append("index.jsonl", ship(1))
	expect(t, "with a line", d.read(), "h1|")
}

// TestAnIndexThatChangesWhileItIsRead: between two batches the file is cut, or
// goes away; the next pass has what there is, once.
func TestAnIndexThatChangesWhileItIsRead(t *testing.T) {
	t.Parallel()
	const lines = 250_000
	var content strings.Builder
	for n := range lines {
		fmt.Fprintf(&content, `{"host_id":"h","received_at_wall":"2026-05-01T10:00:00.%06dZ"}`+"\n", n)
	}
	for name, test := range map[string]struct {
		change func(d *indexDir, cancel func()) error
		err    error
		gaps   string
	}{
		"it is cut":     {func(d *indexDir, _ func()) error { return os.Truncate(d.path("index.jsonl"), 0) }, nil, "truncated"},
		"it is removed": {func(d *indexDir, _ func()) error { return os.Remove(d.path("index.jsonl")) }, nil, "rotated-away"},
		"the pass ends": {func(d *indexDir, cancel func()) error { cancel(); return nil }, context.Canceled, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newIndexDir(t)
			d.write("index.jsonl", content.String())
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			changed := false
			_, err := ingest.Index(ctx, d.s, ingest.IndexOptions{Path: d.path("index.jsonl"), Now: now, Progress: func(int, int64, int64) {
				if !changed {
					changed = true
					d.must(test.change(d, cancel))
				}
			}})
			if err != test.err {
				t.Fatalf("got error %v, want %v", err, test.err)
			}
			d.write("index.jsonl", content.String())
			_, err = d.pass()
			d.must(err)
			expect(t, "ships", rows(t, d.s, "SELECT COUNT(*) || ' ' || COUNT(DISTINCT received_at) FROM ships")[0], fmt.Sprintf("%d %d", lines, lines))
		})
	}
}
