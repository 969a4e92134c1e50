package longlife

import (
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cis490/fleet-health/cmd/internal/fleettest"
	"github.com/cis490/fleet-health/store"
)

// life is a fleet, the files of its receiver, and the data that its passes must leave.
type life struct {
	t         *testing.T
	random    *rand.Rand
	dir       string
	retention int // days
	now       time.Time
	hosts     []*labHost

	fault string // of the current pass; "" for none
	until time.Time
	torn  func()   // writes the rest of a torn line; nil if there is none
	dump  []logged // at least the last day of the journal

	cut            bool  // the index was truncated, and no pass is known to have found it
	cutMin, cutMax int64 // bounds of the time of the pass that found it

	alertsDays int  // days between two rotations of alerts.jsonl
	alertsDue  bool // a rotation is due

	passes, ships, puts int
	troubles            int // of hosts, so far
	entries             int // in the journal
	faults              tally
	keep                bool // the files, before the next pass
	kept                []kept
	written, cpu        float64 // bytes and seconds of the current pass
	hours               map[hostHour]*counted
	surely, maybe       map[string]string // symptoms by dedup key
}

// kept is a copy of the files before a pass.
type kept struct {
	dir string
	now time.Time // of the pass
}

// labHost is a host. It has the times, in microseconds, of the facts that detectors use.
type labHost struct {
	name                        string
	trouble                     string // a symptom; "" for none
	until                       time.Time
	lastShip                    int64
	accepted, failed, unstamped []int64
}

// logged is an entry of the journal.
type logged struct {
	at   int64
	text string
}

// Faults of a pass.
const (
	passKilled     = "killed"
	passCancelled  = "cancelled"
	databaseLocked = "locked"
	indexMissing   = "index missing"
	dumpTorn       = "torn dump"
)

type tally map[string]int

func (f tally) String() string {
	var each []string
	for _, fault := range slices.Sorted(maps.Keys(f)) {
		each = append(each, fmt.Sprintf("%d %s", f[fault], fault))
	}
	return strings.Join(each, ", ")
}

func (l *life) disturbed() (n int) {
	for _, passes := range l.faults {
		n += passes
	}
	return n
}

func newLife(t *testing.T, retention, alertsDays int) *life {
	l := &life{t: t, random: rand.New(rand.NewPCG(105, 120)), dir: fleettest.MemoryDir(t) + "/fleet", retention: retention, alertsDays: alertsDays, now: fleettest.Now, faults: tally{},
		hours: map[hostHour]*counted{}, surely: map[string]string{}, maybe: map[string]string{}}
	for i := range 16 {
		l.hosts = append(l.hosts, &labHost{name: fmt.Sprintf("lab-%d", i)})
	}
	l.check(os.Mkdir(l.dir, 0o755))
	l.write("index.jsonl", "")
	l.write("journal.export", "")
	return l
}

// live advances the clock by five minutes and runs a pass. In between, hosts PUT, the
// receiver writes, and a file may be rotated.
func (l *life) live(faults float64, calm bool) {
	l.t.Helper()
	l.now = l.now.Add(5 * time.Minute)
	before := l.fault
	if l.fault == "" || !l.now.Before(l.until) || calm {
		l.next(faults, calm)
	}
	if before == indexMissing && l.fault != indexMissing {
		l.check(os.Rename(l.path("elsewhere"), l.path("index.jsonl")))
	}
	if before != indexMissing && l.fault == indexMissing {
		l.check(os.Rename(l.path("index.jsonl"), l.path("elsewhere")))
	}
	if l.torn != nil {
		l.torn()
		l.torn = nil
	}
	index, journal := l.hear()
	half := l.random.IntN(len(index) + 1)
	l.write(l.index(), strings.Join(index[:half], ""))
	rotated := l.rotate()
	rest := strings.Join(index[half:], "")
	l.write(l.index(), rest)
	if !rotated && l.random.IntN(20) == 0 && !calm {
		l.tearIndex()
	}
	l.writeJournal(journal)
	if l.keep {
		l.keepFiles()
	}
	l.pass()
	if l.fault != "" {
		l.faults[l.fault]++
	}
	l.expect()
	l.alertsDue = l.alertsDue || l.passes%(l.alertsDays*passesADay) == 0
	// After a killed pass, the next one may look for its alerts in this file.
	if l.fault == "" && l.alertsDue {
		l.alertsDue = false
		l.check(os.Rename(l.path("alerts.jsonl"), l.path(fmt.Sprintf("alerts-%d.jsonl", l.passes))))
	}
}

// next chooses the fault of the next pass.
func (l *life) next(faults float64, calm bool) {
	l.fault = ""
	if calm || l.passes == 0 || l.random.Float64() >= faults {
		return
	}
	passes := 1
	switch n := l.random.IntN(100); {
	case n < 60:
		l.fault = passCancelled
	case n < 75:
		l.fault = dumpTorn
	case n < 85:
		l.fault, passes = indexMissing, 1+l.random.IntN(12)
	case n < 95:
		l.fault, passes = databaseLocked, 1+l.random.IntN(3)
	default:
		l.fault = passKilled
	}
	l.until = l.now.Add(time.Duration(passes) * 5 * time.Minute)
}

// hear makes each host act, and returns the resulting lines of the index and entries of the
// journal.
func (l *life) hear() (index []string, journal []logged) {
	log := func(at int64, message string) {
		l.entries++
		journal = append(journal, logged{at, fleettest.Entry(l.entries, at, message)})
	}
	for i, h := range l.hosts {
		at := l.now.UnixMicro() - 5*store.Minute + (int64(i)*18+1)*store.Second + l.random.Int64N(15*store.Second)
		put := func(status int) {
			l.puts++
			at++
			log(at, fmt.Sprintf(`"PUT /v1/episodes/%s/%d HTTP/1.1" %d`, h.name, l.puts, status))
			switch c := l.count(h, at); status / 100 {
			case 2:
				c.puts2xx++
				h.accepted = append(h.accepted, at)
				return
			case 4:
				c.puts4xx++
			case 5:
				c.puts5xx++
			}
			h.failed = append(h.failed, at)
		}
		if !l.now.Before(h.until) {
			h.trouble = ""
			if l.random.IntN(600) == 0 {
				l.troubles++
				h.trouble = []string{"silent", "fatal-only", "unstamped"}[l.random.IntN(3)]
				h.until = l.now.Add(time.Duration(6+l.random.IntN(60)) * 5 * time.Minute)
			}
		}
		switch h.trouble {
		case "fatal-only":
			for range 3 {
				put([]int{412, 503}[l.random.IntN(2)])
			}
		case "unstamped":
			for range 3 {
				put(400)
				at++
				log(at, "host="+h.name+" missing X-Cis490-Code-Commit")
				h.unstamped = append(h.unstamped, at)
				l.count(h, at).unstamped++
			}
		case "":
			if l.random.IntN(20) == 0 {
				put(503)
			}
			if l.random.IntN(5) < 3 {
				put(201)
				at++
				l.ships++
				index = append(index, fleettest.Ship(h.name, time.UnixMicro(at)))
				l.count(h, at).ships++
				h.lastShip = at
			}
		}
		// Forget the times before the window.
		for _, times := range []*[]int64{&h.accepted, &h.failed, &h.unstamped} {
			recent(times, l.now.UnixMicro())
		}
	}
	return index, journal
}

// index returns the current path of the receiver's index.
func (l *life) index() string {
	if l.fault == indexMissing {
		return "elsewhere"
	}
	return "index.jsonl"
}

// tearIndex writes a part of a ship's line. The pass finds the part, and the next pass the
// whole line.
func (l *life) tearIndex() {
	h, at := l.hosts[0], l.now.UnixMicro()-store.Second
	line := fleettest.Ship(h.name, time.UnixMicro(at))
	cut := 1 + l.random.IntN(len(line)-1)
	l.write(l.index(), line[:cut])
	l.ships++
	l.count(h, at).ships++
	l.torn = func() {
		l.write(l.index(), line[cut:])
		h.lastShip = at
	}
}

// rotate rotates the index as logrotate does once a day: in turn by renaming it, and by
// copying and truncating it.
func (l *life) rotate() bool {
	l.t.Helper()
	if l.passes%passesADay != passesADay/2 || l.fault == indexMissing {
		return false
	}
	for n := 3; n > 1; n-- {
		err := os.Rename(l.path(fmt.Sprintf("index.jsonl.%d", n-1)), l.path(fmt.Sprintf("index.jsonl.%d", n)))
		if err != nil && !os.IsNotExist(err) {
			l.t.Fatal(err)
		}
	}
	if l.passes/passesADay%2 == 0 {
		l.check(os.Rename(l.path("index.jsonl"), l.path("index.jsonl.1")))
		l.write("index.jsonl", "")
		return true
	}
	content, err := os.ReadFile(l.path("index.jsonl"))
	l.check(err)
	l.write("index.jsonl.1", string(content))
	l.check(os.Truncate(l.path("index.jsonl"), 0))
	l.cut, l.cutMin = true, 0
	return true
}

// writeJournal appends to the dump, or replaces it by a dump from the day before on. The
// entries of both dumps are known to the database.
func (l *life) writeJournal(journal []logged) {
	l.t.Helper()
	l.dump = append(l.dump, journal...)
	var text strings.Builder
	replaced := l.random.IntN(3*passesADay) == 0 && l.fault != dumpTorn
	if replaced {
		yesterday := l.now.UnixMicro() - 24*store.Hour
		l.dump = slices.DeleteFunc(l.dump, func(e logged) bool { return e.at < yesterday })
		journal = l.dump
		if l.random.IntN(2) == 0 {
			l.check(os.Remove(l.path("journal.export")))
		} else {
			l.check(os.Truncate(l.path("journal.export"), 0))
		}
	}
	for _, e := range journal {
		text.WriteString(e.text)
	}
	whole := text.String()
	if l.fault != dumpTorn || len(journal) == 0 {
		if l.fault == dumpTorn {
			l.fault = ""
		}
		l.write("journal.export", whole)
		return
	}
	cut := len(whole) - 10
	l.write("journal.export", whole[:cut])
	l.torn = both(l.torn, func() { l.write("journal.export", whole[cut:]) })
}

func both(first, then func()) func() {
	if first == nil {
		return then
	}
	return func() { first(); then() }
}

// write appends to a file, and sets its modification time to the fleet's clock.
func (l *life) write(name, text string) {
	l.t.Helper()
	f, err := os.OpenFile(l.path(name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	l.check(err)
	_, err = io.WriteString(f, text)
	l.check(err)
	l.check(f.Close())
	l.check(os.Chtimes(l.path(name), l.now, l.now))
}
