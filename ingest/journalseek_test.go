package ingest_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/cis490/fleet-health/store"
)

// TestVacuumedCursorLosesNothing: with --after-cursor, journalctl leaves out the first entry
// after a cursor whose own entry was deleted.
func TestVacuumedCursorLosesNothing(t *testing.T) {
	t.Parallel()
	j, s := newJournalFiles(t), mustOpen(t)
	j.write("old", put(now-5*store.Minute, 0, "a", 200), put(now-4*store.Minute, 0, "b", 200))
	j.follow(s)
	cursor := lastCursor(j)
	j.write("new", put(now-3*store.Minute, 0, "c", 200), put(now-2*store.Minute, 0, "d", 200))
	if n := len(entriesIn(j.ctl("--unit="+unit, "--output=export", "--after-cursor="+cursor))); n != 2 {
		t.Errorf("before the vacuum, --after-cursor gives %d entries, want 2", n)
	}
	j.remove("old")
	if n := len(entriesIn(j.ctl("--unit="+unit, "--output=export", "--after-cursor="+cursor))); n != 1 {
		t.Logf("this journalctl gives %d entries after a vacuumed cursor; systemd 252 gave 1 of 2", n)
	}
	j.follow(s)
	expect(t, "PUTs", putsOf(t, s), "a 200, b 200, c 200, d 200")
	expect(t, "gaps", gapsOf(t, s), "vacuumed")
	result := j.follow(s)
	expect(t, "gaps after another pass", gapsOf(t, s), "vacuumed")
	if result.Read != 0 {
		t.Errorf("a pass without news read %d entries", result.Read)
	}
}

func TestCursorWithItsEntryReadsNothingTwice(t *testing.T) {
	t.Parallel()
	j, s := newJournalFiles(t), mustOpen(t)
	j.write("one", put(now-5*store.Minute, 0, "a", 200))
	j.follow(s)
	j.write("one", put(now-4*store.Minute, 0, "b", 200))
	result := j.follow(s)
	if result.Read != 1 || result.Saved.Puts != 1 {
		t.Errorf("read %d entries and stored %d PUTs, want 1 and 1", result.Read, result.Saved.Puts)
	}
	expect(t, "gaps", gapsOf(t, s), "")
}

// TestAFlushedJournal: journald copied the journal from /run to /var and numbered the
// entries anew. Once, the entries of the last time doubled, and so did a day of them after a
// clock step. There was also a gap.
func TestAFlushedJournal(t *testing.T) {
	t.Parallel()
	j, s := newJournalFiles(t), mustOpen(t)
	var early []logged
	for i, host := range []string{"a", "b", "c"} {
		e := put(now-5*store.Minute, 0, host, 200)
		e.at, e.monotonic = e.at+int64(i/2), e.monotonic+int64(i/2) // the first two share one time
		early = append(early, e)
	}
	j.write("run", early[:2]...)
	j.follow(s)
	j.write("run", early[2])
	j.follow(s)
	j.write("var", early...)
	j.remove("run")
	if result := j.follow(s); result.Read != 0 {
		t.Errorf("read %d entries that were flushed", result.Read)
	}
	j.write("var", put(now-4*store.Minute, 0, "d", 200))
	j.follow(s)
	expect(t, "PUTs", putsOf(t, s), "a 200, b 200, c 200, d 200")
	expect(t, "gaps", gapsOf(t, s), "")
	opts := j.options()
	opts.Now -= store.Hour
	followWith(t, s, opts)
	expect(t, "PUTs when the clock has gone back", putsOf(t, s), "a 200, b 200, c 200, d 200")
}

// TestEntriesWrittenAtOnce: journald gives one time to all entries that it reads from the
// receiver at once. Each counts once, in whatever pass it is read and even if it is read again.
func TestEntriesWrittenAtOnce(t *testing.T) {
	t.Parallel()
	const seconds = 3
	var entries []logged
	for i := range 4 * seconds {
		// b a a b: the two entries of each host are alike.
		e := put(now-store.Minute, 0, []string{"b", "a", "a", "b"}[i%4], 200)
		e.at, e.monotonic = e.at+int64(i/4)*store.Second, e.monotonic+int64(i/4)*store.Second
		e.message = fmt.Sprintf(`10.0.0.1:4711 - "PUT /v1/episodes/%s/e HTTP/1.1" 200`, []string{"b", "a", "a", "b"}[i%4])
		entries = append(entries, e)
	}
	want := strings.Repeat("a 200, a 200, b 200, b 200, ", seconds)
	want = want[:len(want)-2]
	for cut := range len(entries) {
		t.Run(fmt.Sprint(cut, " and the rest"), func(t *testing.T) {
			t.Parallel()
			j, s := newJournalFiles(t), mustOpen(t)
			j.write("one", entries[:cut]...)
			j.follow(s)
			j.write("one", entries[cut:]...)
			if result := j.follow(s); result.Read != len(entries)-cut {
				t.Errorf("read %d entries, want the %d that are new", result.Read, len(entries)-cut)
			}
			expect(t, "PUTs", putsOf(t, s), want)
			setJournalState(t, s, `{"v":1,"cursor":"garbled","at":1777636500000000}`)
			j.follow(s)
			expect(t, "PUTs read again", putsOf(t, s), want)
			dumpJournal(t, s, j.ctl("--output=export", "--all"))
			expect(t, "PUTs with a dump", putsOf(t, s), want)
		})
	}
}

// TestAVacuumOfEverythingIsAGapAtTheNextEntry: an empty journal looks like a quiet one, until
// another entry than the cursor's comes.
func TestAVacuumOfEverythingIsAGapAtTheNextEntry(t *testing.T) {
	t.Parallel()
	j, s := newJournalFiles(t), mustOpen(t)
	j.write("old", put(now-5*store.Minute, 0, "a", 200))
	j.follow(s)
	j.remove("old")
	j.follow(s)
	expect(t, "gaps", gapsOf(t, s), "")
	j.write("new", put(now-2*store.Minute, 0, "b", 200))
	j.follow(s)
	expect(t, "PUTs", putsOf(t, s), "a 200, b 200")
	expect(t, "gaps", gapsOf(t, s), "vacuumed")
}

// TestClockStepBack steps the clock by more and by less than store.FutureTolerance. Within a
// boot, journalctl prints entries in order. It sorts another boot with other files by time,
// before the cursor. Once, those entries were lost until the clock had caught up.
func TestClockStepBack(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, file string
		boot       int
		step       int64
	}{
		{"the same boot goes on in the same file", "one", 0, store.Hour},
		{"the same boot goes on in another file", "two", 0, store.Hour},
		{"another boot goes on in the same file", "one", 1, store.Hour},
		{"another boot begins another file", "two", 1, store.Hour},
		{"the same boot goes on in the same file, four minutes", "one", 0, 4 * store.Minute},
		{"the same boot goes on in another file, four minutes", "two", 0, 4 * store.Minute},
		{"another boot goes on in the same file, four minutes", "one", 1, 4 * store.Minute},
		{"another boot begins another file, four minutes", "two", 1, 4 * store.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			j, s := newJournalFiles(t), mustOpen(t)
			opts := j.options()
			monotonic, step := 10*store.Hour, test.step
			back := func(at int64, host string) logged {
				e := put(at, test.boot, host, 200)
				monotonic += store.Second
				e.monotonic = monotonic
				return e
			}
			j.write("one", put(now-2*store.Minute, 0, "a", 200), put(now-store.Minute, 0, "b", 200))
			followWith(t, s, opts)

			opts.Now = now - step
			j.write(test.file, back(now-step-2*store.Minute, "c"), back(now-step-store.Minute, "d"))
			followWith(t, s, opts)
			expect(t, "PUTs after the step", putsOf(t, s), "c 200, d 200, a 200, b 200")
			expect(t, "gaps", gapsOf(t, s), "clock-step")

			opts.Now += 5 * store.Minute
			j.write(test.file, back(now-step+store.Minute, "e"))
			followWith(t, s, opts)
			followWith(t, s, opts)
			expect(t, "PUTs later", putsOf(t, s), "c 200, d 200, e 200, a 200, b 200")
			expect(t, "gaps later", gapsOf(t, s), "clock-step")

			opts.Now = now + 10*store.Minute
			j.write(test.file, back(now+store.Minute, "f"))
			followWith(t, s, opts)
			expect(t, "PUTs once it has caught up", putsOf(t, s), "c 200, d 200, e 200, a 200, b 200, f 200")
			expect(t, "gaps at the end", gapsOf(t, s), "clock-step")
			if result := followWith(t, s, opts); result.Read != 0 {
				t.Errorf("a pass without news read %d entries", result.Read)
			}
		})
	}
}

// TestClockStepBackThatCaughtUpBetweenPasses: a machine starts with a slow clock, which is
// corrected before the next pass. Entries from before the correction precede the cursor,
// later ones follow it.
func TestClockStepBackThatCaughtUpBetweenPasses(t *testing.T) {
	t.Parallel()
	j, s := newJournalFiles(t), mustOpen(t)
	j.write("one", put(now-9*store.Minute, 0, "a", 200))
	j.follow(s)
	early, late := put(now-store.Hour, 1, "b", 200), put(now-store.Minute, 1, "c", 200)
	early.monotonic, late.monotonic = store.Second, 2*store.Second
	j.write("two", early, late)
	j.follow(s)
	expect(t, "PUTs", putsOf(t, s), "b 200, a 200, c 200")
	expect(t, "gaps", gapsOf(t, s), "clock-step")
	if result := j.follow(s); result.Read != 0 {
		t.Errorf("a pass without news read %d entries", result.Read)
	}
}

// TestAFirstPassWithASlowClock: the machine starts with a clock that is behind an earlier
// boot's entries. The first pass runs, then the clock is corrected. Entries between the two
// precede the cursor.
func TestAFirstPassWithASlowClock(t *testing.T) {
	t.Parallel()
	j, s := newJournalFiles(t), mustOpen(t)
	second := func(monotonic, at int64, host string) logged {
		e := put(at, 1, host, 200)
		e.monotonic = monotonic * store.Second
		return e
	}
	opts := j.options()
	j.write("one", put(now-9*store.Minute, 0, "a", 200))
	j.write("two", second(1, now-30*24*store.Hour, "b"))
	opts.Now = now - 30*24*store.Hour + store.Minute
	followWith(t, s, opts)
	j.write("two", second(2, now-30*24*store.Hour+2*store.Minute, "c"), second(3, now-store.Minute, "d"))
	j.follow(s)
	expect(t, "PUTs", putsOf(t, s), "b 200, c 200, a 200, d 200")
	if result := j.follow(s); result.Read != 0 {
		t.Errorf("a pass without news read %d entries", result.Read)
	}
}

// TestAFirstPassReadsEachBootWhole: the clock of one boot went back by days, and another boot
// started before it was corrected. journalctl, and once the first pass, left out entries of
// such a journal. A capped pass leaves the rest to the next ones.
func TestAFirstPassReadsEachBootWhole(t *testing.T) {
	t.Parallel()
	const week = 7 * 24 * store.Hour
	second := func(monotonic, at int64, boot int, host string) logged {
		e := put(at, boot, host, 200)
		e.monotonic = monotonic * store.Second
		return e
	}
	for _, most := range []int{1, 2, 3, 0} {
		t.Run(fmt.Sprint("at most ", most), func(t *testing.T) {
			t.Parallel()
			j, s := newJournalFiles(t), mustOpen(t)
			j.write("one", second(1, now-5*store.Minute, 0, "a"), second(2, now-4*store.Minute, 0, "b"))
			j.write("two", second(3, now-week, 0, "c"), second(4, now-week+store.Minute, 0, "d"))
			j.write("three", second(1, now-week+2*store.Minute, 1, "e"), second(2, now-week+3*store.Minute, 1, "f"))
			if n := len(entriesIn(j.ctl("--unit="+unit, "--output=export"))); n == 6 {
				t.Log("this journalctl leaves out none; systemd 252 left out two")
			}
			opts := j.options()
			opts.MaxEntries = most
			for followWith(t, s, opts).Capped {
			}
			expect(t, "PUTs", putsOf(t, s), "c 200, d 200, e 200, f 200, a 200, b 200")
			expect(t, "gaps", gapsOf(t, s), "")
			j.write("four", second(3, now-3*store.Minute, 1, "g"))
			for followWith(t, s, opts).Capped {
			}
			expect(t, "PUTs with another", putsOf(t, s), "c 200, d 200, e 200, f 200, a 200, b 200, g 200")
			if result := followWith(t, s, opts); result.Read != 0 {
				t.Errorf("a pass without news read %d entries", result.Read)
			}
		})
	}
}

// TestLookingBackSurvivesAKill: the pass ended after it had stored a new boot's entries after
// the cursor, but before it read the boot's earlier entries.
func TestLookingBackSurvivesAKill(t *testing.T) {
	t.Parallel()
	j, s := newJournalFiles(t), mustOpen(t)
	j.write("one", put(now-9*store.Minute, 0, "a", 200))
	j.follow(s)
	early, late := put(now-store.Hour, 1, "b", 200), put(now-store.Minute, 1, "c", 200)
	early.monotonic, late.monotonic = store.Second, 2*store.Second
	j.write("two", early, late)
	opts := j.options()
	opts.Command = fakeJournalctl(t, `
		case "$*" in *_BOOT_ID=*) exit 1;; esac
		exec journalctl "$@"`)
	if _, err := journalErr(t, s, opts); err == nil {
		t.Error("no error from a pass that could not look back")
	}
	expect(t, "PUTs so far", putsOf(t, s), "a 200, c 200")
	j.follow(s)
	expect(t, "PUTs", putsOf(t, s), "b 200, a 200, c 200")
	expect(t, "gaps", gapsOf(t, s), "clock-step, (source-unread)")
}

// TestLostCursor: a cursor that journalctl refuses leaves one gap. The pass reads the overlap
// again and stores nothing twice.
func TestLostCursor(t *testing.T) {
	t.Parallel()
	for name, state := range map[string]string{
		"a garbled cursor":              `{"v":1,"cursor":"garbled","at":1777636500000000}`,
		"a cursor with an option in it": `{"v":1,"cursor":"--since=now","at":1777636500000000}`,
		"a state that is no JSON":       `garbled`,
		"a state of another version":    `{"v":99,"cursor":"x"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j, s := newJournalFiles(t), mustOpen(t)
			j.write("one", put(now-5*store.Minute, 0, "a", 200), put(now-4*store.Minute, 0, "b", 200))
			j.follow(s)
			setJournalState(t, s, state)
			j.write("one", put(now-3*store.Minute, 0, "c", 200))
			result := j.follow(s)
			if result.Saved.Puts != 1 {
				t.Errorf("stored %d PUTs, want 1", result.Saved.Puts)
			}
			expect(t, "PUTs", putsOf(t, s), "a 200, b 200, c 200")
			expect(t, "gaps", gapsOf(t, s), "cursor-lost")
			if result := j.follow(s); result.Read != 0 || len(result.Gaps) != 0 {
				t.Errorf("the pass after it read %d entries and found %d gaps", result.Read, len(result.Gaps))
			}
		})
	}
}

// TestLostCursorWithNothingInItsOverlap: the pass must store a usable cursor.
func TestLostCursorWithNothingInItsOverlap(t *testing.T) {
	t.Parallel()
	j, s := newJournalFiles(t), mustOpen(t)
	j.write("one", put(now-50*store.Hour, 0, "a", 200))
	j.follow(s)
	setJournalState(t, s, `{"v":1,"cursor":"garbled","at":1777636500000000}`)
	for range 3 {
		j.follow(s)
	}
	expect(t, "gaps", gapsOf(t, s), "cursor-lost")
	if result := j.follow(s); result.Read != 0 {
		t.Errorf("a pass without news read %d entries", result.Read)
	}
}

// TestAFailingJournalctlKeepsTheCursor: the cursor is not the reason if journalctl also fails
// without it, or if a signal ends journalctl, as when memory is short. Once, a signal counted
// as a refusal of the cursor.
func TestAFailingJournalctlKeepsTheCursor(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]string{
		"without the cursor, too": "exit 1",
		"by a signal":             `case "$*" in *--cursor=*) kill -9 $$;; esac; exec journalctl "$@"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j, s := newJournalFiles(t), mustOpen(t)
			j.write("one", put(now-5*store.Minute, 0, "a", 200))
			j.follow(s)
			opts := j.options()
			opts.Command = fakeJournalctl(t, script)
			journalErr(t, s, opts)
			expect(t, "gaps", gapsOf(t, s), "source-unread")
			j.write("one", put(now-4*store.Minute, 0, "b", 200))
			if result := j.follow(s); result.Read != 1 {
				t.Errorf("read %d entries, want the 1 that is new", result.Read)
			}
			expect(t, "gaps", gapsOf(t, s), "(source-unread)")
		})
	}
}

// TestALostCursorForgetsNoBoot: once, the next quiet pass read boots older than the overlap
// again and recorded a clock step.
func TestALostCursorForgetsNoBoot(t *testing.T) {
	t.Parallel()
	j, s := newJournalFiles(t), mustOpen(t)
	old := put(now-72*store.Hour, 0, "a", 200)
	old.monotonic = store.Second
	j.write("one", old)
	j.write("two", put(now-5*store.Minute, 1, "b", 200))
	j.follow(s)
	expect(t, "PUTs", putsOf(t, s), "a 200, b 200")
	opts := j.options()
	opts.Command = fakeJournalctl(t, `case "$*" in *--cursor=*) exit 1;; esac; exec journalctl "$@"`)
	followWith(t, s, opts)
	j.follow(s)
	expect(t, "gaps", gapsOf(t, s), "cursor-lost")
	if result := j.follow(s); result.Read != 0 {
		t.Errorf("a pass without news read %d entries", result.Read)
	}
}

// TestCursorAndDumpStoreNothingTwice reads the same entries with journalctl and from a dump.
func TestCursorAndDumpStoreNothingTwice(t *testing.T) {
	t.Parallel()
	j, s := newJournalFiles(t), mustOpen(t)
	j.write("one", put(now-5*store.Minute, 0, "a", 200), put(now-4*store.Minute, 0, "b", 412))
	j.follow(s)
	j.write("one", put(now-3*store.Minute, 0, "c", 200))
	if got := dumpJournal(t, s, j.ctl("--output=export", "--all")); got.Saved.Puts != 1 {
		t.Errorf("the dump gave %d new PUTs, want 1", got.Saved.Puts)
	}
	if got := j.follow(s); got.Saved.Puts != 0 {
		t.Errorf("journalctl gave %d new PUTs after the dump, want 0", got.Saved.Puts)
	}
	expect(t, "PUTs", putsOf(t, s), "a 200, b 412, c 200")
	expect(t, "gaps", gapsOf(t, s), "")
}

// entriesIn splits an export stream without binary fields into entries.
func entriesIn(export []byte) (entries []string) {
	for one := range bytes.SplitSeq(export, []byte("\n\n")) {
		if len(bytes.TrimSpace(one)) > 0 {
			entries = append(entries, string(one))
		}
	}
	return entries
}

func lastCursor(j *journalFiles) string {
	entries := entriesIn(j.ctl("--unit="+unit, "--output=export"))
	_, rest, _ := strings.Cut(entries[len(entries)-1], "__CURSOR=")
	cursor, _, _ := strings.Cut(rest, "\n")
	return cursor
}
