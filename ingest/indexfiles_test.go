package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cis490/fleet-health/ingest"
	"github.com/cis490/fleet-health/store"
	"golang.org/x/sys/unix"
)

// indexDir is a directory with an index and its rotated files, and a store.
type indexDir struct {
	t   testing.TB
	dir string
	s   *store.Store
}

func newIndexDir(t testing.TB) *indexDir {
	t.Helper()
	return &indexDir{t: t, dir: t.TempDir(), s: mustOpen(t)}
}

// newReadIndex returns a directory whose index a pass has read.
func newReadIndex(t testing.TB, parts ...string) *indexDir {
	t.Helper()
	d := newIndexDir(t)
	d.write("index.jsonl", parts...)
	d.read()
	return d
}

func (d *indexDir) path(name string) string { return filepath.Join(d.dir, name) }

func (d *indexDir) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// write replaces the content of a file. An existing file keeps its inode.
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

// rotate renames the index and creates a new one.
func (d *indexDir) rotate(to string, parts ...string) {
	d.t.Helper()
	d.rename("index.jsonl", to)
	d.write("index.jsonl", parts...)
}

// replace puts a new file in the place of the index.
func (d *indexDir) replace(parts ...string) {
	d.t.Helper()
	d.write("new", parts...)
	d.rename("new", "index.jsonl")
}

// compress replaces the index with a compressed file, in the order of gzip(1).
func (d *indexDir) compress(to, content string) {
	d.t.Helper()
	d.write(to, content)
	d.must(os.Remove(d.path("index.jsonl")))
}

// written sets the modification time of a file.
func (d *indexDir) written(name string, at time.Time) {
	d.t.Helper()
	d.must(os.Chtimes(d.path(name), at, at))
}

// age makes a file so old by the wall clock. A negative age is in the future.
func (d *indexDir) age(name string, age time.Duration) {
	d.t.Helper()
	d.written(name, time.Now().Add(-age))
}

func (d *indexDir) pass() (ingest.Result, error) {
	return ingest.Index(d.t.Context(), d.s, ingest.IndexOptions{Path: d.path("index.jsonl"), Now: now})
}

// read runs a pass, which must succeed. It returns the hosts of all ships by time,
// then the reasons of all gaps.
func (d *indexDir) read() (hosts string) {
	d.t.Helper()
	_, err := d.pass()
	d.must(err)
	return strings.Join(rows(d.t, d.s, "SELECT host FROM ship_log ORDER BY received_at"), " ") + "|" + gapsOf(d.t, d.s)
}

// ends runs a pass that is cancelled once it has stored that many lines.
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

// ship returns the n-th line of the index.
func ship(n int) string {
	return fmt.Sprintf(`{"host_id":"h%d","received_at_wall":"2026-05-01T10:%02d:00+00:00","padding":"%s"}`+"\n", n, n, strings.Repeat("p", 50))
}

// TestRotatedIndexes changes the files between two passes. The store must hold each
// ship once. TestPlanIndex holds the other variants of each kind of rotation.
func TestRotatedIndexes(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		between func(d *indexDir) // after the pass that reads ships 1 and 2
		want    string            // hosts and gaps after the next pass
	}{
		"the index grows": {func(d *indexDir) { d.append("index.jsonl", ship(3)) }, "h1 h2 h3|"},
		"it is renamed": {func(d *indexDir) {
			d.append("index.jsonl", ship(3))
			d.rotate("index.jsonl.1", ship(4))
		}, "h1 h2 h3 h4|"},
		// Once, the file between was not read, and there was no gap.
		"it is renamed twice, with the date before the extension": {func(d *indexDir) {
			d.rename("index.jsonl", "index-20260501.jsonl")
			d.write("index-20260502.jsonl", ship(3))
			d.write("index-of-another.jsonl", ship(8))
			d.write("index.jsonl", ship(4))
		}, "h1 h2 h3 h4|"},
		// Once, the file between counted as read.
		"it is renamed twice, and the clock went back in between": {func(d *indexDir) {
			d.rename("index.jsonl", "index.jsonl.2")
			d.write("index.jsonl.1", ship(3))
			d.age("index.jsonl.1", time.Hour)
			d.write("index.jsonl", ship(4))
			d.age("index.jsonl", -time.Second)
		}, "h1 h2 h3 h4|"},
		// Once, the older copy passed for the index, and the index for a rewritten one.
		"it is copied, then grows and is renamed with the date": {func(d *indexDir) {
			d.write("index.jsonl.bak", ship(1), ship(2))
			d.age("index.jsonl.bak", time.Hour)
			d.append("index.jsonl", ship(3))
			d.rotate("index.jsonl-20260501", ship(4))
		}, "h1 h2 h3 h4|"},
		"it is compressed": {func(d *indexDir) {
			d.compress("index.jsonl.1.gz", compressed(t, ".gz", ship(1)+ship(2)+ship(3)))
			d.write("index.jsonl", ship(4))
		}, "h1 h2 h3 h4|"},
		"it is renamed beside an unreadable compressed file": {func(d *indexDir) {
			d.append("index.jsonl", ship(3))
			d.rename("index.jsonl", "index.jsonl.1")
			d.age("index.jsonl.1", time.Hour)
			d.write("index.jsonl.2.gz", "no gzip")
			d.write("index.jsonl", ship(4))
		}, "h1 h2 h3 h4|rotated-away"},
		"it is replaced":              {func(d *indexDir) { d.replace(ship(4)) }, "h1 h2 h4|rotated-away"},
		"it is replaced by a copy":    {func(d *indexDir) { d.replace(ship(1), ship(2), ship(3)) }, "h1 h2 h3|"},
		"it is replaced, and renamed": {func(d *indexDir) { d.replace(ship(2), ship(3)); d.rotate("index.jsonl.1", ship(4)) }, "h1 h2 h3 h4|rotated-away"},
		"it is truncated":             {func(d *indexDir) { d.write("index.jsonl") }, "h1 h2|truncated"},
		"it is copied and truncated": {func(d *indexDir) {
			d.write("index.jsonl.1", ship(1), ship(2), ship(3))
			d.write("index.jsonl", ship(4))
		}, "h1 h2 h3 h4|truncated"},
		// Once, lines of a file that was truncated or rewritten and then renamed were
		// lost. If there was a copy of the file, there was no gap.
		"it is copied, truncated and renamed": {func(d *indexDir) {
			d.write("index.jsonl.2", ship(1), ship(2), ship(3))
			d.write("index.jsonl", ship(4))
			d.rotate("index.jsonl.1", ship(5))
		}, "h1 h2 h3 h4 h5|truncated"},
		"it is rewritten, with the same first line": {func(d *indexDir) { d.write("index.jsonl", ship(1), ship(4), ship(5)) }, "h1 h2 h4 h5|rewritten"},
		"it is rewritten and renamed": {func(d *indexDir) {
			d.write("index.jsonl", ship(2), ship(3), ship(4))
			d.rotate("index.jsonl.1", ship(5))
		}, "h1 h2 h3 h4 h5|rewritten"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newReadIndex(t, ship(1), ship(2))
			test.between(d)
			expect(t, "after the rotation", d.read(), test.want)
			expect(t, "after another pass", d.read(), test.want)
			d.append("index.jsonl", ship(9))
			hosts, gaps, _ := strings.Cut(test.want, "|")
			expect(t, "after another line", d.read(), hosts+" h9|"+gaps)
			expect(t, "quarantine", strings.Join(rows(t, d.s, "SELECT reason FROM quarantine_log"), " "), "")
		})
	}
}

// TestLateWritesToARotatedFile appends to a file after a pass has read it to its end.
// Once, such lines were lost.
func TestLateWritesToARotatedFile(t *testing.T) {
	t.Parallel()
	for _, ext := range []string{"", ".gz", ".zst"} {
		t.Run("index.jsonl.1"+ext, func(t *testing.T) {
			t.Parallel()
			d := newReadIndex(t, ship(1))
			d.rotate("index.jsonl.1")
			expect(t, "after the rotation", d.read(), "h1|")
			d.append("index.jsonl.1", ship(2)[:20])
			expect(t, "after half a line", d.read(), "h1|")
			d.append("index.jsonl.1", ship(2)[20:])
			expect(t, "after the line", d.read(), "h1 h2|")
			d.append("index.jsonl.1", ship(3))
			d.append("index.jsonl", ship(4))
			if ext != "" {
				d.write("index.jsonl.1"+ext, compressed(t, ext, ship(1)+ship(2)+ship(3)))
				d.must(os.Remove(d.path("index.jsonl.1")))
			}
			expect(t, "after a line in each file", d.read(), "h1 h2 h3 h4|")
			expect(t, "after another pass", d.read(), "h1 h2 h3 h4|")
			d.write("index.jsonl.1", ship(7), ship(8), ship(9), ship(9))
			expect(t, "after another file took its name", d.read(), "h1 h2 h3 h4|")
		})
	}
}

// TestLateWritesToADamagedCompressedFile: once, there was no gap for late lines that
// were lost in compression.
func TestLateWritesToADamagedCompressedFile(t *testing.T) {
	t.Parallel()
	d := newReadIndex(t, ship(1))
	d.rotate("index.jsonl.1", ship(2))
	expect(t, "after the rotation", d.read(), "h1 h2|")
	whole := compressed(t, ".gz", ship(1)+strings.Repeat(ship(3), 20))
	d.write("index.jsonl.1.gz", whole[:len(whole)-20])
	d.must(os.Remove(d.path("index.jsonl.1")))
	d.append("index.jsonl", ship(4))
	if got := d.read(); !strings.HasSuffix(got, "h4|rotated-away") {
		t.Errorf("the damaged file left %q", got)
	}
}

// TestLateWritesToAnEmptyRotatedFile rotates the index twice between passes. Once, the
// pass took the file with the latest time for the last one rotated.
func TestLateWritesToAnEmptyRotatedFile(t *testing.T) {
	t.Parallel()
	d := newReadIndex(t, ship(1))
	d.rename("index.jsonl", "index.jsonl.2")
	d.write("index.jsonl.1")
	d.age("index.jsonl.2", -time.Hour)
	d.write("index.jsonl", ship(3))
	expect(t, "after two rotations", d.read(), "h1 h3|")
	d.append("index.jsonl.1", ship(2))
	expect(t, "after a late write", d.read(), "h1 h2 h3|")
}

// TestLateWritesToEachRotatedFile: once, the cursor remembered only one file, although
// names with dates do not tell which was rotated last.
func TestLateWritesToEachRotatedFile(t *testing.T) {
	t.Parallel()
	d := newReadIndex(t, ship(1))
	d.rename("index.jsonl", "index.jsonl-20260501")
	d.write("index.jsonl-20260502", ship(2))
	d.write("index.jsonl-20260502.bak", ship(2))
	d.write("index.jsonl", ship(3))
	expect(t, "after two rotations and a copy", d.read(), "h1 h2 h3|")
	want := "h1 h2 h3"
	for i, name := range []string{"index.jsonl-20260501", "index.jsonl-20260502", "index.jsonl-20260502.bak"} {
		d.append(name, ship(4+i))
		want += fmt.Sprint(" h", 4+i)
		expect(t, "after a late write to "+name, d.read(), want+"|")
	}
	d.rotate("index.jsonl-20260503", ship(7))
	expect(t, "after another rotation", d.read(), want+" h7|")
	d.append("index.jsonl-20260501", ship(8))
	expect(t, "after another late write", d.read(), want+" h7 h8|")
}

// TestLateWritesAfterACancelledPass: once, a pass that had reached the next file forgot
// the one before it.
func TestLateWritesAfterACancelledPass(t *testing.T) {
	t.Parallel()
	d := newReadIndex(t, ship(1))
	d.rename("index.jsonl", "index.jsonl.2")
	d.age("index.jsonl.2", time.Hour)
	d.write("index.jsonl.1", ship(2))
	d.write("index.jsonl", ship(3))
	d.ends(1)
	expect(t, "after the next pass", d.read(), "h1 h2 h3|")
	d.append("index.jsonl.2", ship(4))
	expect(t, "after a late write", d.read(), "h1 h2 h3 h4|")
}

// TestARotatedFileThatOpensLater: once, the pass took it for a rewritten file and did
// not try again.
func TestARotatedFileThatOpensLater(t *testing.T) {
	t.Parallel()
	d := newReadIndex(t, ship(1))
	d.append("index.jsonl", ship(2))
	d.rotate("index.jsonl.1", ship(3))
	// A lease keeps all others from opening a file, root included.
	leased, err := os.OpenFile(d.path("index.jsonl.1"), os.O_WRONLY, 0)
	d.must(err)
	defer leased.Close()
	_, err = unix.FcntlInt(leased.Fd(), unix.F_SETLEASE, unix.F_WRLCK)
	d.must(err)
	expect(t, "during the lease", d.read(), "h1 h3|rotated-away")
	d.must(leased.Close())
	expect(t, "after the lease", d.read(), "h1 h2 h3|rotated-away")
	d.append("index.jsonl", ship(4))
	expect(t, "after another line", d.read(), "h1 h2 h3 h4|rotated-away")
}

// TestACopyOfAnEmptyIndex: once, the copy was not read, because an empty index has no
// bytes to recognize it by.
func TestACopyOfAnEmptyIndex(t *testing.T) {
	t.Parallel()
	d := newIndexDir(t)
	d.write("index.jsonl.2", ship(8))
	d.age("index.jsonl.2", time.Hour)
	d.write("index.jsonl")
	expect(t, "with an empty index", d.read(), "|")
	d.write("index.jsonl.1", ship(1), ship(2))
	d.age("index.jsonl.1", -time.Second)
	d.write("index.jsonl", ship(3))
	expect(t, "after copy and truncation", d.read(), "h1 h2 h3|")
}

// TestAnUnreadableCopyOfAnEmptyIndex: once, there was no gap.
func TestAnUnreadableCopyOfAnEmptyIndex(t *testing.T) {
	t.Parallel()
	d := newReadIndex(t)
	d.write("index.jsonl.1.xz", xzMagic, "\nships 1 and 2\n")
	d.age("index.jsonl.1.xz", -time.Second)
	d.write("index.jsonl", ship(3))
	expect(t, "after copy and truncation", d.read(), "h3|rotated-away")
	expect(t, "after another pass", d.read(), "h3|rotated-away")
}

// TestAnEmptyIndexThatIsReplaced: once, lines that followed in the old file were lost
// without a gap.
func TestAnEmptyIndexThatIsReplaced(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		between func(d *indexDir)
		want    string
	}{
		"the old file is gone": {func(d *indexDir) { d.replace() }, "h3|rotated-away"},
		"it is compressed": {func(d *indexDir) {
			d.replace()
			d.write("index.jsonl.1.gz", compressed(t, ".gz", ship(1)+ship(2)))
		}, "h1 h2 h3|"},
		"it is written to late": {func(d *indexDir) {
			d.rotate("index.jsonl.1")
			expect(t, "after the rotation", d.read(), "|")
			d.append("index.jsonl.1", ship(1))
		}, "h1 h3|"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newReadIndex(t)
			test.between(d)
			d.append("index.jsonl", ship(3))
			expect(t, "after the change", d.read(), test.want)
			expect(t, "after another pass", d.read(), test.want)
		})
	}
}

// TestAPassThatEndsInTheNewestFile: once, the next pass took the other files for read
// ones, because their times are earlier.
func TestAPassThatEndsInTheNewestFile(t *testing.T) {
	t.Parallel()
	d := newIndexDir(t)
	d.write("index.jsonl", ship(1))
	d.age("index.jsonl", time.Hour)
	d.read()
	d.rename("index.jsonl", "index.jsonl.2")
	d.write("index.jsonl.1", ship(2))
	d.append("index.jsonl.2", ship(3))
	d.age("index.jsonl.2", -time.Minute)
	d.write("index.jsonl", ship(4))
	d.age("index.jsonl", -time.Minute)
	d.ends(0)
	expect(t, "after the next pass", d.read(), "h1 h2 h3 h4|")
}

// TestAPassThatEndsInAnEmptyCompressedFile: once, the next pass took that file for a
// rewritten one.
func TestAPassThatEndsInAnEmptyCompressedFile(t *testing.T) {
	t.Parallel()
	d := newReadIndex(t)
	d.write("index.jsonl.1.gz", compressed(t, ".gz", ""))
	d.replace(ship(1))
	d.ends(0)
	expect(t, "after the next pass", d.read(), "h1|")
}

// TestAGapSurvivesACancelledPass: once, the next pass continued at the copy of the
// truncated index and recorded no gap.
func TestAGapSurvivesACancelledPass(t *testing.T) {
	t.Parallel()
	d := newReadIndex(t, ship(1), ship(2))
	d.write("index.jsonl.1", ship(1), ship(2), ship(3))
	d.write("index.jsonl", ship(4))
	d.ends(0)
	expect(t, "after the next pass", d.read(), "h1 h2 h3 h4|truncated")
}

// TestAGapStartsAtTheLastReading: once, without a ship in the index, it started only
// when it was found, after the missing lines.
func TestAGapStartsAtTheLastReading(t *testing.T) {
	t.Parallel()
	d := newIndexDir(t)
	d.write("index.jsonl", "no row\n")
	d.written("index.jsonl", time.UnixMicro(now-5*store.Minute))
	d.read()
	d.write("index.jsonl")
	expect(t, "after the truncation", d.read(), "|truncated")
	expect(t, "gap", strings.Join(rows(t, d.s, "SELECT from_at || ' ' || to_at FROM gap_log"), " "),
		"2026-05-01T11:55:00.000000Z 2026-05-01T12:00:00.000000Z")
}

// TestAReusedInode gives a new index the inode of the old one, of which a copy exists.
func TestAReusedInode(t *testing.T) {
	t.Parallel()
	d := newReadIndex(t, ship(1), ship(2))
	d.write("index.jsonl.1", ship(1), ship(2), ship(3)) // a copy has another inode
	d.write("index.jsonl", ship(4), ship(5), ship(6))
	expect(t, "ships", d.read(), "h1 h2 h3 h4 h5 h6|rewritten")
}

// TestTwoIndexesWithTheSameHead: only the bytes before the cursor distinguish them.
func TestTwoIndexesWithTheSameHead(t *testing.T) {
	t.Parallel()
	head := strings.Repeat("# a line that every file begins with\n", 60)
	d := newReadIndex(t, head, ship(1), ship(2))
	d.append("index.jsonl", ship(3))
	d.rotate("index.jsonl.1", head, ship(4), ship(5), ship(6), ship(7))
	expect(t, "ships", d.read(), "h1 h2 h3 h4 h5 h6 h7|")
}

// TestAnIndexThatCannotBeReadIsAGap: the gap closes when the index can be read again,
// with or without new lines.
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
			d := newReadIndex(t, ship(1))
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
			expect(t, "once it can be read", d.read(), "h1|(source-unread)")
			d.append("index.jsonl", ship(2))
			expect(t, "after another line", d.read(), "h1 h2|(source-unread)")
		})
	}
}

func TestAnEmptyIndex(t *testing.T) {
	t.Parallel()
	d := newIndexDir(t)
	d.write("index.jsonl")
	expect(t, "without a line", d.read(), "|")
	d.append("index.jsonl", ship(1))
	expect(t, "with a line", d.read(), "h1|")
}

// TestAnIndexThatChangesWhileItIsRead truncates or removes the file between two
// batches. After the next pass, the store holds each line once.
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
	}{
		"it is truncated": {func(d *indexDir, _ func()) error { return os.Truncate(d.path("index.jsonl"), 0) }, nil},
		"it is removed":   {func(d *indexDir, _ func()) error { return os.Remove(d.path("index.jsonl")) }, nil},
		"the pass ends":   {func(d *indexDir, cancel func()) error { cancel(); return nil }, context.Canceled},
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
