package ingest_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cis490/fleet-health/ingest"
	"github.com/cis490/fleet-health/store"
	"github.com/google/go-cmp/cmp"
)

// history writes a random journal as a machine would. It rotates files, vacuums them after
// a pass has read them, steps the clock and reboots.
type history struct {
	*journalFiles
	away            string // directory of the hidden files
	r               *rand.Rand
	clock           int64 // of the machine, in microseconds
	monotonic       int64
	boot, file      int
	unread, reading []string // files with unread entries, and all others except the current one
	all             bytes.Buffer
}

// grow writes some entries to the current file.
func (h *history) grow() {
	var entries []logged
	for range 1 + h.r.IntN(12) {
		step := h.r.Int64N(40 * store.Second)
		h.clock += step
		h.monotonic += step + 1
		e := put(h.clock, h.boot, fmt.Sprintf("lab-%d", h.r.IntN(4)), []int{200, 412, 500}[h.r.IntN(3)])
		e.monotonic = h.monotonic
		switch h.r.IntN(14) {
		case 0:
			e.priority, e.message = 4, "WARNING rejected host=lab-1: missing X-Cis490-Code-Commit"
		case 1:
			e.priority, e.message = 3, "rejected host=lab-2, disk full"
		case 2:
			e.pid, e.unit, e.fields = 1, "init.scope", []string{"UNIT=" + unit, "MESSAGE_ID=" + unitStarted}
		case 3:
			e.unit = "other.service"
		case 4:
			e.message = "two lines\n" + e.message + "\n\xff\x1b[0m"
		case 5:
			e.message = ""
		case 6:
			e.message = "ERROR: no. " + fmt.Sprint(h.r.IntN(5))
		case 7:
			e.message = "OSError: [Errno 28] No space left on device"
		}
		entries = append(entries, e)
	}
	h.write(h.name(), entries...)
}

func (h *history) name() string { return fmt.Sprintf("%03d", h.file) }

// rotate starts another file, which numbers its entries independently.
func (h *history) rotate() {
	if _, err := os.Stat(h.path(h.name())); err == nil {
		h.unread = append(h.unread, h.name())
	}
	h.file++
}

func (h *history) reboot() {
	h.boot++
	h.monotonic = store.Second
}

// stepClock moves the clock by up to three hours, mostly back.
func (h *history) stepClock() { h.clock += h.r.Int64N(5*store.Hour) - 3*store.Hour }

// vacuum deletes files that were read, after copying their entries.
func (h *history) vacuum() {
	h.showAll()
	for _, name := range h.reading {
		if h.r.IntN(2) == 0 {
			h.keep(name)
			h.remove(name)
		} else {
			h.unread = append(h.unread, name) // kept until another vacuum
		}
	}
	h.reading = nil
}

// keep adds a file's entries to the export of all entries. It reads each file alone, because
// journalctl itself may leave out entries of several files whose clocks disagree.
func (h *history) keep(name string) {
	one := &journalFiles{t: h.t, dir: h.t.TempDir()}
	if err := os.Link(h.path(name), one.path(name)); err != nil {
		h.t.Fatal(err)
	}
	h.all.Write(one.ctl("--output=export", "--all"))
}

// hide truncates some files, so that journalctl leaves them out, and restores others.
func (h *history) hide() {
	names, err := filepath.Glob(h.path("*"))
	mustDo(h.t, err)
	for _, path := range names {
		whole := filepath.Join(h.away, filepath.Base(path))
		if _, err := os.Stat(whole); err == nil {
			if h.r.IntN(2) == 0 {
				h.show(path)
			}
		} else if h.r.IntN(2) == 0 {
			mustDo(h.t, os.Rename(path, whole))
			mustDo(h.t, os.WriteFile(path, []byte("LPKSHHRH"), 0o600))
		}
	}
}

func (h *history) show(path string) {
	if err := os.Rename(filepath.Join(h.away, filepath.Base(path)), path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		h.t.Fatal(err)
	}
}

// showAll restores all files.
func (h *history) showAll() {
	names, err := os.ReadDir(h.away)
	mustDo(h.t, err)
	for _, one := range names {
		h.show(filepath.Join(h.dir, one.Name()))
	}
}

func (h *history) hidden() bool {
	names, err := os.ReadDir(h.away)
	mustDo(h.t, err)
	return len(names) > 0
}

func (h *history) pass(s *store.Store) {
	opts := h.options()
	opts.Now = h.clock
	if h.r.IntN(4) == 0 {
		opts.MaxEntries = 1 + h.r.IntN(20)
	}
	result, err := journalErr(h.t, s, opts)
	if err != nil && (!h.hidden() || !errors.Is(err, ingest.ErrUnread)) {
		h.t.Fatal(err)
	}
	if err == nil && !result.Capped && !h.hidden() {
		h.reading = append(h.reading, h.unread...)
		h.unread = nil
	}
}

// TestAnyHistoryOfTheJournalGivesTheSameTables reads a journal while it is written, rotated
// and vacuumed, and while its clock steps. The tables must equal those of one export of all
// entries.
func TestAnyHistoryOfTheJournalGivesTheSameTables(t *testing.T) {
	t.Parallel()
	for seed := range uint64(30) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			h := &history{journalFiles: newJournalFiles(t), away: t.TempDir(), r: rand.New(rand.NewPCG(seed, 7)), clock: now - 20*store.Hour, monotonic: store.Second}
			s := mustOpen(t)
			var story strings.Builder
			for range 18 {
				step := h.r.IntN(13)
				fmt.Fprint(&story, step, " ")
				switch step {
				case 0:
					h.rotate()
				case 1:
					h.stepClock()
				case 2:
					h.reboot()
				case 3:
					h.rotate()
					h.reboot()
					h.stepClock()
				case 4:
					h.vacuum()
				case 5, 6, 7:
					h.pass(s)
				case 8:
					h.hide()
					h.pass(s)
				default:
					if h.hidden() { // journald would not append to a broken file
						h.rotate()
					}
					h.grow()
				}
			}
			h.pass(s)
			h.showAll()
			for capped := true; capped; {
				opts := h.options()
				opts.Now = h.clock
				capped = followWith(t, s, opts).Capped
			}
			h.rotate()
			for _, name := range append(h.unread, h.reading...) {
				h.keep(name)
			}
			whole := mustOpen(t)
			dumpJournal(t, whole, h.all.Bytes())
			if diff := cmp.Diff(journalTables(t, whole), journalTables(t, s)); diff != "" {
				t.Errorf("tables differ after %s (-all at once +in passes):\n%s", story.String(), diff)
			}
		})
	}
}

func journalTables(t testing.TB, s *store.Store) []string {
	t.Helper()
	return slices.Concat(rows(t, s, "SELECT at || ' ' || host || ' ' || status FROM put_log ORDER BY 1"),
		rows(t, s, "SELECT at || ' ' || host || ' ' || reason || ' ' || message FROM rejection_log ORDER BY 1"), wordsIn(t, s))
}
