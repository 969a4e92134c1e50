package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cis490/fleet-health/ingest"
	"github.com/cis490/fleet-health/store"
	"golang.org/x/sys/unix"
)

// exportOf returns entries as journalctl prints them, with cursors.
func exportOf(entries ...logged) string {
	var b strings.Builder
	for _, e := range entries {
		fmt.Fprintf(&b, "__CURSOR=s=1;i=%x\n%s", e.at, e.export())
	}
	return b.String()
}

// fakeWithOutput returns a fake journalctl that finds an export stream in $dir/out.
func fakeWithOutput(t testing.TB, script, output string) (command string) {
	t.Helper()
	command = fakeJournalctl(t, `case "$*" in *--field=*) echo `+bootID(0)+`; exit;; esac; `+script)
	if err := os.WriteFile(filepath.Join(filepath.Dir(command), "out"), []byte(output), 0o600); err != nil {
		t.Fatal(err)
	}
	return command
}

// TestAFailingJournalctlLosesNothing: a pass stores the whole entries that a failing
// journalctl printed and records a gap. After the next good pass, the store holds every
// entry once.
func TestAFailingJournalctlLosesNothing(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, script string
		timeout      time.Duration
		stored       string // PUTs of the failing pass
	}{
		{name: "it hangs at once", script: `exec sleep 1000`, timeout: 50 * time.Millisecond},
		{name: "it hangs after some entries", script: `head -c $half $dir/out; exec sleep 1000`, timeout: 3 * time.Second, stored: "b 200"},
		{name: "it ignores SIGTERM", script: `trap '' TERM; cat $dir/out; while :; do sleep 1000; done`, timeout: 3 * time.Second, stored: "b 200, c 200"},
		{name: "a grandchild holds the pipe", script: `cat $dir/out; sleep 1000 & exit 0`, timeout: 3 * time.Second, stored: "b 200, c 200"},
		{name: "a grandchild of another session holds the pipe", script: `cat $dir/out; setsid sleep 9 & exit 0`, timeout: 3 * time.Second, stored: "b 200, c 200"},
		{name: "it closes its output and stays", script: `cat $dir/out; exec >&-; exec sleep 1000`, timeout: 3 * time.Second, stored: "b 200, c 200"},
		{name: "it is killed in an entry", script: `head -c $half $dir/out; kill -9 $$`, stored: "b 200"},
		{name: "it ends in an entry and says it is fine", script: `head -c $half $dir/out`, stored: "b 200"},
		{name: "it fails after full output", script: `cat $dir/out; exit 1`, stored: "b 200, c 200"},
		{name: "it floods stderr", script: `head -c 3000000 /dev/zero >&2; cat $dir/out; exit 3`, stored: "b 200, c 200"},
		{name: "it prints something else", script: `echo hello; echo world`},
		{name: "it prints an entry without a time", script: `cat $dir/out; printf '__CURSOR=x\nMESSAGE=y\n\n'`, stored: "b 200, c 200"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			j, s := newJournalFiles(t), mustOpen(t)
			j.write("one", put(now-5*store.Minute, 0, "a", 200))
			j.follow(s)
			j.write("one", put(now-4*store.Minute, 0, "b", 200), put(now-3*store.Minute, 0, "c", 200))
			output := string(j.ctl("--unit="+unit, "--output=export", "--all", "--cursor="+lastStoredCursor(t, s)))
			opts := j.options()
			opts.Command = fakeWithOutput(t, fmt.Sprintf("half=%d\n", len(output)-40)+test.script, output)
			if test.timeout != 0 {
				opts.Timeout = test.timeout
			}
			_, err := journalErr(t, s, opts)
			if !errors.Is(err, ingest.ErrUnread) {
				t.Fatalf("got error %v, want one that is ErrUnread", err)
			}
			if len(err.Error()) > 900 || strings.ContainsAny(err.Error(), "\n\x00") {
				t.Errorf("the error is not one short line: %q", err)
			}
			expect(t, "PUTs of the failing pass", putsOf(t, s), strings.TrimSuffix("a 200, "+test.stored, ", "))
			expect(t, "gaps", gapsOf(t, s), "source-unread")
			j.follow(s)
			expect(t, "PUTs", putsOf(t, s), "a 200, b 200, c 200")
			expect(t, "gaps", gapsOf(t, s), "(source-unread)")
		})
	}
}

func lastStoredCursor(t testing.TB, s *store.Store) string {
	t.Helper()
	return rows(t, s, "SELECT state ->> 'cursor' FROM cursors WHERE state LIKE '{%cursor%'")[0]
}

func TestAMissingJournalctl(t *testing.T) {
	t.Parallel()
	s := mustOpen(t)
	opts := ingest.JournalOptions{Unit: "u", Directory: "x", Now: now, Timeout: time.Minute, Command: "/nonexistent/journalctl"}
	if _, err := journalErr(t, s, opts); !errors.Is(err, ingest.ErrUnread) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got error %v, want ErrUnread because it does not exist", err)
	}
	opts.Now += 5 * store.Minute
	journalErr(t, s, opts)
	expect(t, "gaps", strings.Join(rows(t, s, "SELECT reason || ' ' || from_at || ' ' || to_at FROM gap_log"), ", "),
		"source-unread 2026-05-01T12:00:00.000000Z 2026-05-01T12:05:00.000000Z")
}

// TestEndlessOutputIsCapped: a pass stops at MaxEntries.
func TestEndlessOutputIsCapped(t *testing.T) {
	t.Parallel()
	s := mustOpen(t)
	opts := ingest.JournalOptions{Unit: "cis490-receiver", Directory: "x", Now: now, Timeout: time.Minute, MaxEntries: 1000}
	opts.Command = fakeWithOutput(t, `while cat $dir/out; do :; done 2>/dev/null`, exportOf(put(now-store.Minute, 0, "a", 200)))
	result := followWith(t, s, opts)
	if result.Read != 1000 || !result.Capped {
		t.Errorf("read %d entries, capped %v; want 1000 and true", result.Read, result.Capped)
	}
}

func TestTheNextPassContinuesACappedOne(t *testing.T) {
	t.Parallel()
	j, s := newJournalFiles(t), mustOpen(t)
	var entries []logged
	for i := range int64(25) {
		entries = append(entries, put(now-store.Hour+i*store.Second, 0, "a", 200))
	}
	j.write("one", entries...)
	opts := j.options()
	opts.MaxEntries = 10
	for _, want := range []int{10, 10, 5, 0} {
		if result := followWith(t, s, opts); result.Read != want || result.Saved.Puts != want || result.Capped != (want == 10) {
			t.Errorf("read %d entries, stored %d, capped %v; want %d", result.Read, result.Saved.Puts, result.Capped, want)
		}
	}
	expect(t, "gaps", gapsOf(t, s), "")
}

// TestACappedLookBackEnds: once, it started anew in each pass, and known
// entries cost nothing.
func TestACappedLookBackEnds(t *testing.T) {
	t.Parallel()
	const entries, most = 1000, 50
	many := func(boot int, from int64) (list []logged) {
		for i := range int64(entries) {
			e := put(from+i*store.Second, boot, fmt.Sprint("lab-", i%7), 200)
			e.monotonic = i + 1
			list = append(list, e)
		}
		return list
	}
	for _, test := range []struct {
		name  string
		clock int64 // clock of the passes that look back
		write func(j *journalFiles, s *store.Store)
	}{
		{"a boot first met after the cursor started a day earlier", now, func(j *journalFiles, s *store.Store) {
			j.write("one", put(now-9*store.Minute, 0, "a", 200))
			j.follow(s)
			late := put(now-store.Minute, 1, "b", 200)
			late.monotonic = store.Hour
			j.write("two", append(many(1, now-20*store.Hour), late)...)
		}},
		{"the clock went back by an hour", now - store.Hour, func(j *journalFiles, s *store.Store) {
			j.write("one", many(0, now-3*store.Hour)...)
			j.write("one", put(now, 0, "a", 200))
			j.follow(s)
			late := put(now-store.Hour-store.Minute, 1, "b", 200)
			late.monotonic = store.Hour
			j.write("two", late)
		}},
		{"a file was left out", now, func(j *journalFiles, s *store.Store) {
			j.write("one", put(now-3*store.Hour, 3, "a", 200))
			j.follow(s)
			j.write("late", many(0, now-2*store.Hour)...)
			late := put(now-store.Minute, 0, "b", 200)
			late.monotonic = store.Hour
			j.write("two", late)
			whole, err := os.ReadFile(j.path("late"))
			mustDo(j.t, err)
			mustDo(j.t, os.Truncate(j.path("late"), 100))
			journalErr(j.t, s, j.options())
			mustDo(j.t, os.WriteFile(j.path("late"), whole, 0o600))
		}},
		{"it is the first reading", now, func(j *journalFiles, s *store.Store) {
			j.write("one", put(now-3*store.Hour, 3, "a", 200))
			j.write("two", many(1, now-2*store.Hour)...)
			j.write("three", put(now-store.Minute, 2, "b", 200))
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			j, s := newJournalFiles(t), mustOpen(t)
			test.write(j, s)
			opts := j.options()
			opts.MaxEntries, opts.Now = most, test.clock
			// Twice the entries: those read before cost as well. One more pass reads the last.
			passes, readTo := 1, int64(0)
			for ; ; passes++ {
				result := followWith(t, s, opts)
				if result.Capped != (result.ReadTo > 0) || result.ReadTo > opts.Now {
					t.Errorf("pass %d: capped %v, read to %d", passes, result.Capped, result.ReadTo)
				}
				if result.Read > most {
					t.Errorf("pass %d read %d entries", passes, result.Read)
				}
				if !result.Capped {
					break
				}
				if passes > 2*entries/most+5 {
					t.Fatalf("%d passes have not come to the end", passes)
				}
				readTo = result.ReadTo
			}
			if passes < entries/most || readTo == 0 {
				t.Errorf("%d passes read all, the last but one to %d", passes, readTo)
			}
			expect(t, "PUTs", strings.Join(rows(t, s, "SELECT COUNT(*) FROM put_log"), ""), fmt.Sprint(entries+2))
		})
	}
}

// TestAnEntryLoggedDuringThePassIsNoClockStep: once, an entry that was logged during a pass made
// the next pass read a day again.
func TestAnEntryLoggedDuringThePassIsNoClockStep(t *testing.T) {
	t.Parallel()
	for _, ahead := range []int64{1, store.Second, store.FutureTolerance} {
		t.Run(fmt.Sprint(ahead, " microseconds"), func(t *testing.T) {
			t.Parallel()
			j, s := newJournalFiles(t), mustOpen(t)
			opts := j.options()
			opts.Command = fakeJournalctl(t, `echo "$*" >>$dir/calls; exec journalctl "$@"`)
			for range 3 {
				j.write("one", put(opts.Now-store.Minute, 0, "a", 200), put(opts.Now+ahead, 0, "b", 200))
				if result := followWith(t, s, opts); result.Read != 2 || len(result.Gaps) != 0 {
					t.Errorf("read %d entries and found %d gaps, want 2 and 0", result.Read, len(result.Gaps))
				}
				opts.Now += 7 * store.Minute
			}
			calls, err := os.ReadFile(filepath.Join(filepath.Dir(opts.Command), "calls"))
			mustDo(t, err)
			if strings.Contains(string(calls), "--since") {
				t.Errorf("looked back:\n%s", calls)
			}
		})
	}
}

// TestACappedPassGetsPastFutureEntries: entries ahead of the clock must not stop the
// passes for ever.
func TestACappedPassGetsPastFutureEntries(t *testing.T) {
	t.Parallel()
	j, s := newJournalFiles(t), mustOpen(t)
	j.write("one", put(now-store.Minute, 0, "a", 200))
	for i := range int64(10) {
		j.write("one", put(now+store.Hour+i, 0, "f", 200))
	}
	last := put(now, 0, "z", 200)
	last.monotonic = 10 * store.Hour
	j.write("one", last)
	opts := j.options()
	opts.MaxEntries = 3
	for range 8 {
		followWith(t, s, opts)
	}
	expect(t, "PUTs of z", strings.Join(rows(t, s, "SELECT host FROM put_log WHERE host = 'z'"), ", "), "z")
}

// TestCancelledWhileReading: the pass returns the context's error. After the next pass, the
// store holds every entry once.
func TestCancelledWhileReading(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]string{
		"while journalctl hangs":                               `cat $dir/out; echo ready >$dir/fifo; exec sleep 1000`,
		"while a grandchild in another session holds the pipe": `cat $dir/out; (setsid sleep 3 &); echo ready >$dir/fifo`,
		"while it prints without end":                          `echo ready >$dir/fifo; while cat $dir/out; do :; done 2>/dev/null`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j, s := newJournalFiles(t), mustOpen(t)
			j.write("one", put(now-5*store.Minute, 0, "a", 200))
			opts := j.options()
			opts.Command = fakeWithOutput(t, script, string(j.ctl("--output=export")))
			fifo := filepath.Join(filepath.Dir(opts.Command), "fifo")
			if err := unix.Mkfifo(fifo, 0o600); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				os.ReadFile(fifo)
				cancel()
			}()
			if _, err := ingest.Journal(ctx, s, opts); err != context.Canceled {
				t.Errorf("got error %v, want that of the context", err)
			}
			expect(t, "gaps", gapsOf(t, s), "")
			j.follow(s)
			expect(t, "PUTs", putsOf(t, s), "a 200")
		})
	}
}

// TestSlowStoringDoesNotKillJournalctl: once, the timeout included the wait for the
// database, and a pass killed a healthy journalctl.
func TestSlowStoringDoesNotKillJournalctl(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		expired := false
		w := ingest.NewWatchedReader(strings.NewReader("xy"), time.Second, func() { expired = true })
		w.Read(make([]byte, 1))
		time.Sleep(time.Minute) // by the clock of synctest
		w.Read(make([]byte, 1))
		if expired {
			t.Error("the time between two reads was counted")
		}
	})
}

// TestAnotherUsersJournalIsNotTheSystems: journalctl prints nothing and exits with 0
// if the user may read only a journal of their own.
func TestAnotherUsersJournalIsNotTheSystems(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for path := dir; path != os.TempDir() && path != "/"; path = filepath.Dir(path) {
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write := func(name string, mode os.FileMode) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	write("denied/system.journal", 0)
	write("denied/user-1000.journal", 0o644)
	write("rotated/system@0001-0002.journal", 0)
	write("volatile/system.journal", 0o644)
	write("user/user-1000.journal", 0o644)
	write("closed/x/system.journal", 0)
	if err := os.Chmod(filepath.Join(dir, "closed"), 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(filepath.Join(dir, "closed"), 0o755) })
	for _, test := range []struct {
		name   string
		dirs   []string
		denied bool
	}{
		{"its files cannot be read", []string{"denied"}, true},
		{"its rotated files cannot be read", []string{"rotated", "missing"}, true},
		{"its directory cannot be entered", []string{"closed/x"}, true},
		{"one of two directories can be read", []string{"denied", "volatile"}, false},
		{"the journal is volatile only", []string{"missing", "volatile"}, false},
		{"there are no files at all", []string{"missing"}, false},
		{"there is no system journal", []string{"user"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := mustOpen(t)
			opts := ingest.JournalOptions{Unit: "cis490-receiver", Now: now, Timeout: time.Minute, Command: "/bin/true"}
			for _, name := range test.dirs {
				opts.SystemDirs = append(opts.SystemDirs, filepath.Join(dir, name))
			}
			err := asNobody(func() error {
				_, err := ingest.Journal(context.Background(), s, opts)
				return err
			})
			if denied := errors.Is(err, ingest.ErrUnread) && strings.Contains(err.Error(), "group systemd-journal"); denied != test.denied || (err != nil) != test.denied {
				t.Errorf("got error %v, want denied: %v", err, test.denied)
			}
			if test.denied {
				expect(t, "gaps", gapsOf(t, s), "source-unread")
			}
		})
	}
}

// asNobody runs f with the file permissions of another user if this process is root.
func asNobody(f func() error) error {
	if os.Geteuid() != 0 {
		return f()
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if err := unix.Setfsuid(65534); err != nil {
			done <- err
			return
		}
		done <- f()
	}()
	return <-done
}

// TestAUnitWithoutEntriesIsReported: it is neither an error nor a quiet fleet.
func TestAUnitWithoutEntriesIsReported(t *testing.T) {
	t.Parallel()
	j, s := newJournalFiles(t), mustOpen(t)
	for range 2 {
		if result := j.follow(s); !strings.Contains(result.Quiet, unit) {
			t.Errorf("an empty journal: Quiet is %q, want it to name the unit", result.Quiet)
		}
	}
	other := put(now-2*store.Minute, 0, "a", 200)
	other.unit = "other.service"
	j.write("one", other)
	if result := j.follow(s); result.Quiet == "" {
		t.Error("a journal of other units: Quiet is empty")
	}
	j.write("one", put(now-store.Minute, 0, "a", 200))
	for range 2 {
		if result := j.follow(s); result.Quiet != "" {
			t.Errorf("the unit has an entry: Quiet is %q", result.Quiet)
		}
	}
}

// TestDamagedJournalFiles: journalctl leaves out entries of a damaged file, or stops there.
// A pass stores every entry that journalctl prints, and no other.
func TestDamagedJournalFiles(t *testing.T) {
	t.Parallel()
	needJournal(t)
	for seed := range uint64(12) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			j, s := newJournalFiles(t), mustOpen(t)
			var all []logged
			for i := range int64(200) {
				all = append(all, put(now-store.Hour+i*store.Second, 0, "a", 200))
			}
			j.write("one", all[:50]...)
			j.follow(s)
			j.write("one", all[50:]...)
			whole, err := os.ReadFile(j.path("one"))
			if err != nil {
				t.Fatal(err)
			}
			damaged := damage(seed, whole)
			if err := os.WriteFile(j.path("one"), damaged, 0o600); err != nil {
				t.Fatal(err)
			}
			opts := j.options()
			if _, err := journalErr(t, s, opts); err != nil && !errors.Is(err, ingest.ErrUnread) {
				t.Fatalf("got error %v, want none or ErrUnread", err)
			}
			if err := os.WriteFile(j.path("one"), whole, 0o600); err != nil {
				t.Fatal(err)
			}
			j.write("two", put(now-store.Minute, 0, "z", 200))
			j.follow(s)
			puts := rows(t, s, "SELECT at FROM put_log")
			if len(puts) > 201 || len(puts) < 51 {
				t.Errorf("stored %d PUTs of 201", len(puts))
			}
			if last := rows(t, s, "SELECT host FROM put_log ORDER BY at DESC LIMIT 1"); last[0] != "z" {
				t.Error("the PUT after the damage is missing")
			}
		})
	}
}

func damage(seed uint64, whole []byte) []byte {
	b := append([]byte{}, whole...)
	// A small journal has its data in the first hundred KiB of the file.
	used := min(len(b), 120<<10)
	switch seed % 3 {
	case 0:
		return b[:len(b)*int(seed+1)/14]
	case 1:
		for i := range 40 {
			b[(int(seed)*7919+i*2503)%used] ^= 0x55
		}
	default:
		at := used * int(seed) / 14
		clear(b[at : at+4096])
	}
	return b
}
