package load

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cis490/fleet-health/cmd/internal/fleettest"
	"golang.org/x/sys/unix"
)

// maxPeak is the memory in MiB that a pass may use, with any input.
const maxPeak = 64

// loadBed returns a bed for a test that prints figures. In the nightly run, the test has the
// machine to itself.
func loadBed(t *testing.T) *bed {
	t.Helper()
	if fleettest.RaceDetector {
		t.Skip("the race detector does not see into the processes that are measured")
	}
	if !fleettest.Nightly() {
		t.Parallel()
	}
	return newBed(t)
}

// lines appends n texts to a file.
func (t *bed) lines(path string, n int, line func(w io.Writer, i int)) {
	t.b.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	t.check(err)
	w := bufio.NewWriterSize(f, 1<<20)
	for i := range n {
		line(w, i)
	}
	t.check(w.Flush())
	t.check(f.Close())
}

// passWithin runs a pass with further arguments, and returns its seconds and its MiB of
// memory. The test fails if that is more than maxPeak.
func (t *bed) passWithin(journal bool, args ...string) (seconds, peak float64) {
	t.b.Helper()
	begun := time.Now()
	peak = t.peakOf(append(t.passArgs(t.db(), t.index, journal), args...)...)
	if peak == 0 || peak > maxPeak {
		t.b.Errorf("the pass took %.1f MiB, and not %d at most", peak, maxPeak)
	}
	return time.Since(begun).Seconds(), peak
}

func (t *bed) db() string { return filepath.Join(t.dir, "fleet.db") }

// holds checks the numbers that queries return.
func (t *bed) holds(test *testing.T, numbers map[string]int) {
	test.Helper()
	for query, want := range numbers {
		if got := fleettest.Asked(test, t.dir, query); got != fmt.Sprintf("--\n%d\n", want) {
			test.Errorf("%s: %s, want %d", query, got[3:], want)
		}
	}
}

// TestTenThousandHosts runs three passes. All hosts are new in the first, ship and PUT before
// the second, and are silent in the third.
func TestTenThousandHosts(t *testing.T) {
	bed := loadBed(t)
	const hosts = 10_000
	rows := fleettest.LongOr(1_000_000, 100_000)
	inTurn := func(rows int, span time.Duration) {
		bed.lines(bed.index, rows, func(w io.Writer, i int) {
			io.WriteString(w, fleettest.Ship(fmt.Sprintf("lab-%04d", i%hosts), bed.now.Add(-span+time.Duration(i+1)*(span/time.Duration(rows)))))
		})
	}
	inTurn(rows, time.Duration(rows/hosts)*20*time.Minute)
	first, peak := bed.passWithin(false)
	t.Logf("load: 10,000 hosts: %d rows in %.1f s, peak %.0f MiB", rows, first, peak)

	bed.now = bed.now.Add(5 * time.Minute)
	inTurn(hosts, 5*time.Minute)
	bed.appendJournal(hosts, hosts, bed.now, 5*time.Minute)
	steady, peak := bed.passWithin(true)
	t.Logf("load: 10,000 hosts: %d new rows and %d PUTs in %.2f s, peak %.0f MiB", hosts, hosts, steady, peak)
	bed.holds(t, map[string]int{
		"SELECT COUNT(*) FROM ship_log": rows + hosts,
		"SELECT COUNT(*) FROM put_log":  hosts,
		"SELECT COUNT(*) FROM hosts":    hosts,
	})
	once(t, bed.db()+".alerts", 0)

	bed.now = bed.now.Add(time.Hour)
	silent, peak := bed.passWithin(true)
	once(t, bed.db()+".alerts", hosts+1) // and one of the receiver, which explains them
	t.Logf("load: 10,000 hosts, all silent: %d alerts in %.2f s, peak %.0f MiB", hosts, silent, peak)
}

// TestALargeIndex reads an index of 10 GiB. All of its rows are new, and none is pruned.
func TestALargeIndex(t *testing.T) {
	bed := loadBed(t)
	bytes := int64(fleettest.LongOr(10<<30, 256<<20))
	var disk unix.Statfs_t
	bed.check(unix.Statfs(bed.dir, &disk))
	if free := int64(disk.Bavail) * disk.Bsize; free < 3*bytes {
		fleettest.Lacks(t, fmt.Sprintf("there are %d GiB of room, and %d are needed", free>>30, 3*bytes>>30))
	}
	rows, size := 0, int64(0)
	for ; size < bytes; size = bed.size(bed.index) {
		const more = 100_000
		bed.now = bed.now.Add(4 * time.Hour) // 56 days in all
		bed.appendIndex(bed.index, more, 50, bed.now, 4*time.Hour)
		rows += more
	}
	seconds, peak := bed.passWithin(false)
	if got := bed.rows(bed.db()); got != rows {
		t.Errorf("%d rows are stored of %d", got, rows)
	}
	t.Logf("load: an index of %d MiB: %d rows in %.1f s, %.0f rows/s, a database of %d MiB, peak %.0f MiB",
		size>>20, rows, seconds, float64(rows)/seconds, bed.size(bed.db())>>20, peak)
}

// TestAGibibyteInOneLine shows that such a long line of the index, and such a long message of
// the journal, take no memory. The lines after them are read.
func TestAGibibyteInOneLine(t *testing.T) {
	bed := loadBed(t)
	const gib = 1 << 30
	text := func(text string) func(io.Writer, int) { return func(w io.Writer, _ int) { io.WriteString(w, text) } }
	grow := func(path string) { bed.check(os.Truncate(path, bed.size(path)+gib)) } // zeros, which take no disk space
	bed.lines(bed.index, 1, text(fleettest.Ship("lab-1", bed.now.Add(-2*time.Minute))))
	grow(bed.index)
	bed.lines(bed.index, 1, text("\n"+fleettest.Ship("lab-2", bed.now.Add(-time.Minute))))

	export, at := filepath.Join(bed.dir, "journal.export"), bed.now.Add(-time.Minute).UnixMicro()
	put := func(i int) func(io.Writer, int) {
		return text(fleettest.Entry(i, at+int64(i), fmt.Sprintf(`"PUT /v1/episodes/lab-%d/e HTTP/1.1" 200`, i)))
	}
	bed.lines(export, 1, put(1))
	// In an export, the length stands before a value with zeros.
	bed.lines(export, 1, text("__CURSOR=s=1;i=a\n__REALTIME_TIMESTAMP=1\nMESSAGE\n\x00\x00\x00\x40\x00\x00\x00\x00"))
	grow(export)
	bed.lines(export, 1, text("\n\n"))
	bed.lines(export, 1, put(2))
	bed.lines(export, 1, text("__CURSOR=s=1;i=b\n__REALTIME_TIMESTAMP=2\nMESSAGE="))
	grow(export)
	bed.lines(export, 1, text("\n\n"))
	bed.lines(export, 1, put(3))

	seconds, peak := bed.passWithin(true, "--journal-export", export)
	holds := map[string]int{
		"SELECT COUNT(*) FROM ship_log": 2,
		"SELECT COUNT(*) FROM put_log":  3,
		"SELECT lines FROM quarantine_log WHERE length = 1 << 30 AND reason = 'too-long'": 1,
		"SELECT journal_entries FROM pass_log":                                            5,
	}
	bed.holds(t, holds)
	t.Logf("load: a line of 1 GiB, and two such messages: %.1f s, peak %.0f MiB", seconds, peak)

	// The next pass finds nothing new.
	bed.passWithin(true, "--journal-export", export)
	bed.holds(t, map[string]int{
		"SELECT SUM(lines) FROM quarantine_counts":  1,
		"SELECT SUM(journal_entries) FROM pass_log": 5,
		"SELECT COUNT(*) FROM pass_log":             2,
	})
}
