package ingest_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cis490/fleet-health/ingest"
	"github.com/cis490/fleet-health/store"
	"github.com/cis490/fleet-health/store/isotime"
)

// patch overwrites bytes of a file.
func patch(t testing.TB, path string, at int64, b string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte(b), at); err != nil {
		t.Fatal(err)
	}
}

func mustDo(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// move renames a journal file. It creates the directory of the machine if necessary.
func (j *journalFiles) move(name, to string) {
	j.t.Helper()
	to = filepath.Join(j.dir, to)
	mustDo(j.t, os.MkdirAll(filepath.Dir(to), 0o755))
	mustDo(j.t, os.Rename(j.path(name), to))
}

// asNobodyScript runs journalctl as a user without permission for some files.
const asNobodyScript = `exec setpriv --reuid 65534 --regid 65534 --clear-groups journalctl "$@"`

// TestALeftOutFileIsReadLater: journalctl exits with 0 even if it leaves out a file. Once,
// the cursor moved past the entries of that file.
func TestALeftOutFileIsReadLater(t *testing.T) {
	t.Parallel()
	inMachine := strings.Repeat("c", 32) + "/system.journal"
	for _, test := range []struct {
		name, file string // the file that is left out; "" means late.journal
		script     string // script of journalctl while the file is left out
		hide       func(t *testing.T, path string)
		said       string
	}{
		{name: "it is truncated", said: "is truncated", hide: func(t *testing.T, path string) { mustDo(t, os.Truncate(path, 100)) }},
		{name: "it is empty", said: "is truncated", hide: func(t *testing.T, path string) { mustDo(t, os.Truncate(path, 0)) }},
		{name: "it lost its end", said: "is truncated", hide: func(t *testing.T, path string) { mustDo(t, os.Truncate(path, 300_000)) }},
		{name: "a newer systemd wrote it", said: "uses an unsupported feature", hide: func(t *testing.T, path string) { patch(t, path, 12, "\xff\xff\xff\x7f") }},
		{name: "it is not a journal", said: "is corrupted", hide: func(t *testing.T, path string) { patch(t, path, 0, "garbage!") }},
		{name: "an unclean shutdown left it", file: "system@0006.journal~", said: "is truncated", hide: func(t *testing.T, path string) { mustDo(t, os.Truncate(path, 100)) }},
		{name: "it is in the directory of a machine", file: inMachine, said: "is truncated", hide: func(t *testing.T, path string) { mustDo(t, os.Truncate(path, 100)) }},
		{name: "its name contains a terminal sequence", file: "x\x1b[2J.journal", said: `x\x1b[2J.journal`, hide: func(t *testing.T, path string) { mustDo(t, os.Truncate(path, 100)) }},
		{name: "it may not be opened", said: "Permission denied", script: asNobodyScript, hide: func(t *testing.T, path string) { mustDo(t, os.Chmod(path, 0o600)) }},
		{name: "it may not be opened, in the directory of a machine", file: inMachine, said: "Permission denied", script: asNobodyScript,
			hide: func(t *testing.T, path string) { mustDo(t, os.Chmod(path, 0o600)) }},
		{name: "its directory may not be entered", file: inMachine, said: "Permission denied", script: asNobodyScript,
			hide: func(t *testing.T, path string) { mustDo(t, os.Chmod(filepath.Dir(path), 0o700)) }},
		{name: "there are too few descriptors", said: "oo many open files", script: `ulimit -n 6; exec journalctl "$@"`, hide: func(*testing.T, string) {}},
		{name: "only the warning names it", said: "is truncated", script: `journalctl "$@" 2>&1 >$dir/o | grep -v '<31>' >&2; cat $dir/o`,
			hide: func(t *testing.T, path string) { mustDo(t, os.Truncate(path, 100)) }},
	} {
		for _, first := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, first reading %v", test.name, first), func(t *testing.T) {
				t.Parallel()
				if test.script == asNobodyScript {
					need(t, os.Geteuid() == 0, "root")
				}
				j, s := newJournalFiles(t), mustOpen(t)
				for dir := j.dir; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
					mustDo(t, os.Chmod(dir, 0o755))
				}
				j.write("one", put(now-9*store.Minute, 0, "a", 200))
				if !first {
					j.follow(s)
				}
				j.write("late", put(now-7*store.Minute, 0, "b", 412))
				j.write("two", put(now-6*store.Minute, 0, "c", 200))
				j.write("three", put(now-5*store.Minute, 0, "d", 200))
				path := j.path("late")
				if test.file != "" {
					j.move("late", test.file)
					path = filepath.Join(j.dir, test.file)
				}
				for _, name := range []string{"one", "two", "three"} {
					mustDo(t, os.Chmod(j.path(name), 0o644))
				}
				whole, err := os.ReadFile(path)
				mustDo(t, err)
				test.hide(t, path)
				opts := j.options()
				if test.script != "" {
					opts.Command = fakeJournalctl(t, test.script)
				}
				for range 2 {
					result, err := journalErr(t, s, opts)
					if !errors.Is(err, ingest.ErrUnread) || !strings.Contains(err.Error(), test.said) || strings.ContainsAny(err.Error(), "\n\x1b") {
						t.Fatalf("got error %v, want one line of ErrUnread with %q", err, test.said)
					}
					expect(t, "gaps while it is left out", gapsOf(t, s), "source-unread")
					if result.Quiet != "" {
						t.Errorf("Quiet is %q", result.Quiet)
					}
				}
				mustDo(t, os.Chmod(filepath.Dir(path), 0o755))
				mustDo(t, os.WriteFile(path, whole, 0o600))
				j.write("two", put(now-4*store.Minute, 0, "e", 200))
				j.follow(s)
				expect(t, "PUTs", putsOf(t, s), "a 200, b 412, c 200, d 200, e 200")
				expect(t, "gaps", gapsOf(t, s), "(source-unread)")
				if result := j.follow(s); result.Read != 0 || result.Saved.Puts != 0 {
					t.Errorf("a pass without news read %d entries, stored %d PUTs", result.Read, result.Saved.Puts)
				}
			})
		}
	}
}

// TestOneOfTwoLeftOutFilesComesBack: the warnings of journalctl name only one of them.
func TestOneOfTwoLeftOutFilesComesBack(t *testing.T) {
	t.Parallel()
	for _, order := range [][]string{{"x", "y"}, {"y", "x"}} {
		t.Run(order[0]+" comes back before "+order[1], func(t *testing.T) {
			t.Parallel()
			j, s := newJournalFiles(t), mustOpen(t)
			j.write("one", put(now-9*store.Minute, 0, "a", 200))
			j.follow(s)
			whole := map[string][]byte{}
			for i, name := range []string{"x", "y"} {
				j.write(name, put(now-8*store.Minute+int64(i), 0, name, 412))
				b, err := os.ReadFile(j.path(name))
				mustDo(t, err)
				whole[name] = b
				mustDo(t, os.Truncate(j.path(name), 100))
			}
			j.write("two", put(now-5*store.Minute, 0, "b", 200))
			_, err := journalErr(t, s, j.options())
			if !errors.Is(err, ingest.ErrUnread) || !strings.Contains(err.Error(), "x.journal") || !strings.Contains(err.Error(), "y.journal") {
				t.Fatalf("got error %v, want both files named", err)
			}
			mustDo(t, os.WriteFile(j.path(order[0]), whole[order[0]], 0o600))
			if _, err = journalErr(t, s, j.options()); !errors.Is(err, ingest.ErrUnread) {
				t.Fatalf("got error %v, want ErrUnread", err)
			}
			expect(t, "PUTs with one", putsOf(t, s), "a 200, "+order[0]+" 412, b 200")
			expect(t, "gaps with one", gapsOf(t, s), "source-unread")
			mustDo(t, os.WriteFile(j.path(order[1]), whole[order[1]], 0o600))
			j.follow(s)
			expect(t, "PUTs", putsOf(t, s), "a 200, x 412, y 412, b 200")
			expect(t, "gaps", gapsOf(t, s), "(source-unread)")
		})
	}
}

// TestAFileLeftOutForAMoment: journald is still creating the file, so there is no gap.
func TestAFileLeftOutForAMoment(t *testing.T) {
	t.Parallel()
	j, s := newJournalFiles(t), mustOpen(t)
	j.write("one", put(now-9*store.Minute, 0, "a", 200))
	j.follow(s)
	j.write("late", put(now-8*store.Minute, 0, "b", 412))
	j.write("two", put(now-7*store.Minute, 0, "c", 200))
	opts := j.options()
	opts.Command = fakeJournalctl(t, fmt.Sprintf(`f=%q
		[ -e $dir/whole ] && exec journalctl "$@"
		cp "$f" $dir/whole; truncate -s 100 "$f"; journalctl "$@"; cp $dir/whole "$f"`, j.path("late")))
	followWith(t, s, opts)
	expect(t, "PUTs", putsOf(t, s), "a 200, b 412, c 200")
	expect(t, "gaps", gapsOf(t, s), "")
}

// TestALeftOutFileIsNotForgotten combines a left-out file with a failing journalctl, a
// refused cursor and a capped pass.
func TestALeftOutFileIsNotForgotten(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]string{
		"journalctl fails":        `journalctl "$@"; exit 1`,
		"journalctl is killed":    `journalctl "$@"; kill -9 $$`,
		"the cursor is refused":   `case "$*" in *--cursor=*) exit 1;; esac; exec journalctl "$@"`,
		"nothing else goes wrong": `exec journalctl "$@"`,
	} {
		for _, most := range []int{0, 1} {
			t.Run(fmt.Sprint(name, ", at most ", most), func(t *testing.T) {
				t.Parallel()
				j, s := newJournalFiles(t), mustOpen(t)
				j.write("one", put(now-9*store.Minute, 0, "a", 200))
				j.follow(s)
				j.write("late", put(now-8*store.Minute, 0, "b", 412), put(now-8*store.Minute, 1, "c", 412))
				j.write("two", put(now-7*store.Minute, 0, "d", 200))
				whole, err := os.ReadFile(j.path("late"))
				mustDo(t, err)
				mustDo(t, os.Truncate(j.path("late"), 100))
				opts := j.options()
				opts.MaxEntries, opts.Command = most, fakeJournalctl(t, script)
				if _, err := journalErr(t, s, opts); !errors.Is(err, ingest.ErrUnread) {
					t.Fatalf("got error %v, want ErrUnread", err)
				}
				mustDo(t, os.WriteFile(j.path("late"), whole, 0o600))
				opts.Command = ""
				for i := 0; followWith(t, s, opts).Capped; i++ {
					if i > 20 {
						t.Fatal("twenty passes have not come to the end of four entries")
					}
				}
				expect(t, "PUTs", putsOf(t, s), "a 200, b 412, c 412, d 200")
				if got := gapsOf(t, s); !strings.Contains(got, "(source-unread)") {
					t.Errorf("gaps: got %q, want (source-unread)", got)
				}
			})
		}
	}
}

// TestALeftOutFileThatIsDeleted: its entries are lost, and no pass waits for them.
func TestALeftOutFileThatIsDeleted(t *testing.T) {
	t.Parallel()
	j, s := newJournalFiles(t), mustOpen(t)
	j.write("one", put(now-9*store.Minute, 0, "a", 200))
	j.follow(s)
	j.write("late", put(now-8*store.Minute, 0, "b", 412))
	mustDo(t, os.Truncate(j.path("late"), 100))
	if _, err := journalErr(t, s, j.options()); !errors.Is(err, ingest.ErrUnread) {
		t.Fatalf("got error %v, want ErrUnread", err)
	}
	j.remove("late")
	j.follow(s)
	j.follow(s)
	expect(t, "gaps", gapsOf(t, s), "(source-unread), vacuumed")
}

// TestAFileThatHoldsNothingNewMayBeLeftOut: the file was last written before the cursor.
func TestAFileThatHoldsNothingNewMayBeLeftOut(t *testing.T) {
	t.Parallel()
	j, s := newJournalFiles(t), mustOpen(t)
	j.write("one", put(now-9*store.Minute, 0, "a", 200))
	j.follow(s)
	old := time.UnixMicro(now - 2*store.Hour)
	mustDo(t, os.WriteFile(j.path("old"), []byte("short"), 0o600))
	mustDo(t, os.Chtimes(j.path("old"), old, old))
	j.write("one", put(now-8*store.Minute, 0, "b", 200))
	j.follow(s)
	expect(t, "PUTs", putsOf(t, s), "a 200, b 200")
	expect(t, "gaps", gapsOf(t, s), "")
}

// TestTheCursorsFileIsLeftOut: once, it counted as deleted.
func TestTheCursorsFileIsLeftOut(t *testing.T) {
	t.Parallel()
	for _, quiet := range []bool{false, true} {
		t.Run(fmt.Sprint("a quiet pass before ", quiet), func(t *testing.T) {
			t.Parallel()
			j, s := newJournalFiles(t), mustOpen(t)
			j.write("one", put(now-9*store.Minute, 0, "a", 200))
			j.follow(s)
			j.write("one", put(now-8*store.Minute, 0, "b", 200))
			whole, err := os.ReadFile(j.path("one"))
			mustDo(t, err)
			mustDo(t, os.Truncate(j.path("one"), 100))
			if quiet {
				journalErr(t, s, j.options())
			}
			j.write("two", put(now-7*store.Minute, 0, "c", 200))
			journalErr(t, s, j.options())
			expect(t, "PUTs", putsOf(t, s), "a 200, c 200")
			expect(t, "gaps", gapsOf(t, s), "source-unread")
			mustDo(t, os.WriteFile(j.path("one"), whole, 0o600))
			j.follow(s)
			expect(t, "PUTs", putsOf(t, s), "a 200, b 200, c 200")
			expect(t, "gaps", gapsOf(t, s), "(source-unread)")
		})
	}
}

// TestHarmlessMessagesOfJournalctl: journalctl also prints messages that do not mean a left-out file.
func TestHarmlessMessagesOfJournalctl(t *testing.T) {
	t.Parallel()
	for _, said := range []string{
		"Hint: You are currently not seeing messages from other users and the system.",
		"Users in groups 'adm', 'systemd-journal' can see all messages.",
		"-- No entries --",
		"Journal file /var/log/journal/x/system.journal is rotated",
		"<31>Considering root directory '/run/log/journal'.",
		"<31>File /var/log/journal/x/system.journal added.",
		"<31>Journal effective settings seal=no keyed_hash=yes compress=yes",
		"<30>Journal begins at Fri 2026-05-01",
	} {
		t.Run(said, func(t *testing.T) {
			t.Parallel()
			j, s := newJournalFiles(t), mustOpen(t)
			j.write("one", put(now-9*store.Minute, 0, "a", 200))
			opts := j.options()
			opts.Command = fakeJournalctl(t, fmt.Sprintf("echo %q >&2; exec journalctl \"$@\"", said))
			followWith(t, s, opts)
			expect(t, "gaps", gapsOf(t, s), "")
		})
	}
}

// TestTheNewestEntryBesideALeftOutFile: NewestEntry returns both the time and the file.
func TestTheNewestEntryBesideALeftOutFile(t *testing.T) {
	t.Parallel()
	j := newJournalFiles(t)
	j.write("one", put(now-9*store.Minute, 0, "a", 200))
	j.write("late", put(now-8*store.Minute, 0, "b", 412))
	mustDo(t, os.Truncate(j.path("late"), 100))
	at, leftOut, err := ingest.NewestEntry(t.Context(), j.options())
	if err != nil || at != now-9*store.Minute || !errors.Is(leftOut, ingest.ErrUnread) || !strings.Contains(leftOut.Error(), "late.journal") {
		t.Errorf("got %d, left out %v, error %v", at, leftOut, err)
	}
}

// TestTheGapOfALeftOutFileEndsAtItsLastWrite: on a first reading, each left-out file may hold
// unread entries, but none later than its last write.
func TestTheGapOfALeftOutFileEndsAtItsLastWrite(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		written []int64 // when the left-out files were last written
		want    int64
	}{
		"two months ago":           {[]int64{now - 60*24*store.Hour}, now - 60*24*store.Hour},
		"one of them a minute ago": {[]int64{now - 60*24*store.Hour, now - store.Minute}, now - store.Minute},
		"in the future":            {[]int64{now + store.Hour}, now},
		"nothing is left out":      {nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j, s := newJournalFiles(t), mustOpen(t)
			j.write("one", put(now-9*store.Minute, 0, "a", 200))
			for i, at := range test.written {
				path := j.path(fmt.Sprintf("system@%04d", i)) + "~"
				mustDo(t, os.WriteFile(path, []byte("LPKSHHRH"), 0o600))
				mustDo(t, os.Chtimes(path, time.UnixMicro(at), time.UnixMicro(at)))
			}
			for range 2 {
				result, err := journalErr(t, s, j.options())
				if errors.Is(err, ingest.ErrUnread) != (test.written != nil) || result.MissedTo != test.want {
					t.Errorf("got %d and error %v, want %d", result.MissedTo, err, test.want)
				}
			}
			expect(t, "PUTs", putsOf(t, s), "a 200")
			if gaps := rows(t, s, "SELECT to_at FROM gap_log"); test.want > 0 && (len(gaps) != 1 || gaps[0] != isotime.Format(test.want)[:26]+"Z") {
				t.Errorf("the gap ends at %q, want %s", gaps, isotime.Format(test.want))
			}
		})
	}
}

// TestADamagedFileIsReadOnce: journalctl notices the damage only when it reads
// that far. Once, a short look took the file for whole. Then each pass read everything from
// a day before it again.
func TestADamagedFileIsReadOnce(t *testing.T) {
	t.Parallel()
	j, s := newJournalFiles(t), mustOpen(t)
	j.write("one", put(now-230*store.Minute, 0, "a", 200))
	j.follow(s)
	var late []logged
	for i := range int64(300) {
		late = append(late, put(now-220*store.Minute+i*store.Second, 0, "b", 412))
	}
	j.write("late", late...)
	content, err := os.ReadFile(j.path("late"))
	mustDo(t, err)
	at := int64(strings.LastIndex(string(content), "MESSAGE=")) * 99 / 100
	patch(t, j.path("late"), at, strings.Repeat("\x00", 4096))
	heard := []int{}
	for i := range int64(5) {
		j.write("two", put(now-190*store.Minute+i*store.Minute, 0, "c", 200))
		result, err := journalErr(t, s, j.options())
		if !errors.Is(err, ingest.ErrUnread) || !strings.Contains(err.Error(), "late.journal") {
			t.Fatalf("got error %v, want ErrUnread with the file's name", err)
		}
		heard = append(heard, result.Heard.Entries)
	}
	if last := heard[len(heard)-1]; last > 2 {
		t.Errorf("the passes have heard %d entries, with one new entry in each", heard)
	}
	j.remove("late")
	j.follow(s)
	expect(t, "gaps", gapsOf(t, s), "(source-unread), vacuumed")
}

// TestADamagedEntryDoesNotStopTheJournal: once, journalctl exited at that entry in each pass,
// and later entries were never read. Later, entries of the same second were lost.
func TestADamagedEntryDoesNotStopTheJournal(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		first   bool
		apart   int64 // microseconds between two entries
		damaged []int // indexes of the damaged entries, of a hundred
		most    int   // entries that a pass reads; 0 for all
	}{
		"on a first reading":                 {first: true, apart: store.Second, damaged: []int{30}},
		"after a cursor":                     {apart: store.Second, damaged: []int{22}},
		"in two places":                      {apart: store.Second, damaged: []int{22, 70}},
		"the first entry":                    {first: true, apart: store.Second, damaged: []int{0}},
		"the last entry":                     {apart: store.Second, damaged: []int{99}},
		"several in a row":                   {apart: store.Second, damaged: []int{40, 41, 42, 43}},
		"among entries of the same time":     {apart: 0, damaged: []int{30, 50}},
		"a microsecond from its neighbours":  {apart: 1, damaged: []int{30, 50}},
		"in capped passes":                   {apart: 1, damaged: []int{30, 31, 50}, most: 7},
		"of the same time, in capped passes": {apart: 0, damaged: []int{0, 50, 99}, most: 7},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j, s := newJournalFiles(t), mustOpen(t)
			j.write("one", put(now-230*store.Minute, 0, "a", 200))
			if !test.first {
				j.follow(s)
			}
			var late []logged
			for i := range int64(100) {
				e := put(now-220*store.Minute+i*test.apart, 0, "b", 412)
				e.message = strings.Replace(e.message, "b/e", fmt.Sprintf("b/n%02d-e", i), 1)
				late = append(late, e)
			}
			j.write("late", late...)
			content, err := os.ReadFile(j.path("late"))
			mustDo(t, err)
			for _, n := range test.damaged {
				patch(t, j.path("late"), int64(strings.Index(string(content), "MESSAGE="+late[n].message)), strings.Repeat("\x00", 8))
			}
			opts := j.options()
			opts.MaxEntries = test.most
			for i := range int64(3) {
				j.write("two", put(now-190*store.Minute+i*store.Minute, 0, "c", 200))
				for n := 0; followWith(t, s, opts).Capped; n++ {
					if n > 100 {
						t.Fatal("a hundred passes have not come to the end")
					}
				}
			}
			puts := putsOf(t, s)
			if b, c := strings.Count(puts, "b 412"), strings.Count(puts, "c 200"); b != 100-len(test.damaged) || c != 3 {
				t.Errorf("%d and %d PUTs were stored, want %d and 3", b, c, 100-len(test.damaged))
			}
			if gaps := strings.Trim(strings.ReplaceAll(gapsOf(t, s), "damaged", ""), ", "); gaps != "" || !strings.Contains(gapsOf(t, s), "damaged") {
				t.Errorf("the gaps are %s", gapsOf(t, s))
			}
		})
	}
}

// TestTheCursorsFileIsDeletedWhileAnotherIsLeftOut: the cursor's entry might be in the
// left-out file. Once, there was no gap if that file came back without the entry.
func TestTheCursorsFileIsDeletedWhileAnotherIsLeftOut(t *testing.T) {
	t.Parallel()
	for _, inLate := range []bool{false, true} {
		j, s := newJournalFiles(t), mustOpen(t)
		cursors := "one"
		if inLate {
			cursors = "late"
		}
		j.write(cursors, put(now-9*store.Minute, 0, "a", 200))
		j.follow(s)
		j.write(cursors, put(now-8*store.Minute, 0, "b", 412))
		j.write("late", put(now-7*store.Minute, 0, "c", 412))
		whole, err := os.ReadFile(j.path("late"))
		mustDo(t, err)
		mustDo(t, os.Truncate(j.path("late"), 100))
		if !inLate {
			j.remove("one")
		}
		j.write("two", put(now-6*store.Minute, 0, "d", 200))
		if _, err := journalErr(t, s, j.options()); !errors.Is(err, ingest.ErrUnread) {
			t.Fatalf("got error %v, want ErrUnread", err)
		}
		mustDo(t, os.WriteFile(j.path("late"), whole, 0o600))
		j.follow(s)
		j.follow(s)
		puts, gaps := "a 200, c 412, d 200", "(source-unread), vacuumed"
		if inLate {
			puts, gaps = "a 200, b 412, c 412, d 200", "(source-unread)"
		}
		expect(t, "PUTs", putsOf(t, s), puts)
		expect(t, "gaps", gapsOf(t, s), gaps)
	}
}

// TestAnOutageBesideAFileThatIsLeftOut: once, the gap of a file damaged months ago grew
// over the outage and never ended.
func TestAnOutageBesideAFileThatIsLeftOut(t *testing.T) {
	t.Parallel()
	j, s := newJournalFiles(t), mustOpen(t)
	old := time.UnixMicro(now - 60*24*store.Hour)
	mustDo(t, os.WriteFile(j.path("old"), []byte("short"), 0o600))
	mustDo(t, os.Chtimes(j.path("old"), old, old))
	j.write("one", put(now-3*store.Hour, 0, "a", 200))
	opts := j.options()
	gaps := func(want string) {
		t.Helper()
		expect(t, "gaps", strings.Join(rows(t, s, `
			SELECT CASE WHEN recovered_at IS NULL THEN '' ELSE 'read ' END || substr(from_at, 6, 11) || ' ' || substr(to_at, 6, 11)
			FROM gap_log
			ORDER BY from_at`), ", "), want)
	}
	pass := func(command string, at int64) {
		t.Helper()
		opts.Command, opts.Now = command, at
		if _, err := journalErr(t, s, opts); !errors.Is(err, ingest.ErrUnread) {
			t.Fatalf("got error %v, want ErrUnread", err)
		}
	}
	pass("", now)
	gaps("03-02T12:00 03-02T12:00")
	pass("/nonexistent/journalctl", now+10*store.Minute)
	pass("/nonexistent/journalctl", now+20*store.Minute)
	gaps("03-02T12:00 03-02T12:00, 05-01T09:00 05-01T12:20")
	pass("", now+30*store.Minute)
	gaps("03-02T12:00 03-02T12:00, read 05-01T09:00 05-01T12:20")
	mustDo(t, os.Remove(j.path("old")))
	opts.Now = now + 40*store.Minute
	if _, err := journalErr(t, s, opts); err != nil {
		t.Fatal(err)
	}
	if got := rows(t, s, "SELECT COUNT(*) FROM gap_log WHERE recovered_at IS NULL AND reason = 'source-unread'"); got[0] != "0" {
		t.Errorf("%s gaps are open", got[0])
	}
}
