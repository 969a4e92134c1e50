package load

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cis490/fleet-health/cmd/internal/fleettest"
)

// TestAFloodOfADay has 1,000 lines a second, read in passes of five minutes. There are twelve
// passes at noon, and in the nightly run twelve more in each quarter of the day. Each pass
// reads half of the lines of the one before again. Each pass ends within ten seconds, the
// database stays small, the counts are exact, and the failing host is alerted in each hour.
func TestAFloodOfADay(t *testing.T) {
	bed := loadBed(t)
	const perSecond, every = 1000, 300
	passes := fleettest.LongOr(48, 4)
	export := filepath.Join(bed.dir, "journal.export")
	bed.appendIndex(bed.index, 500, 50, bed.now, 20*time.Minute)
	n, slowest, size := 0, 0.0, int64(0)
	var before []byte
	for k := range passes {
		if k > 0 && k%12 == 0 {
			bed.now = bed.now.Add(5 * time.Hour)
		}
		begin := bed.now
		bed.now = bed.now.Add(every * time.Second)
		bed.check(os.WriteFile(export, before, 0o644))
		from := len(before)
		bed.lines(export, perSecond*every, func(w io.Writer, i int) {
			n++
			at := begin.Add(time.Duration(i) * time.Second / perSecond).UnixMicro()
			floodLine(w, n, i, at)
		})
		all, err := os.ReadFile(export)
		bed.check(err)
		_, before, _ = bytes.Cut(all[from+(len(all)-from)/2:], []byte("\n\n"))
		seconds, peak := bed.passWithin(false, "--journal", "system", "--journal-export", export, "--max-database-size", "64MiB", "--lookback-hours", "48")
		slowest = max(slowest, seconds)
		if seconds > 10 && fleettest.Nightly() { // in other runs, other tests take time too
			t.Errorf("pass %d took %.1f s (%.0f MiB), want 10 at most", k, seconds, peak)
		}
		info, err := os.Stat(bed.db())
		bed.check(err)
		if size = info.Size(); size > 68<<20 {
			t.Errorf("after pass %d the database has %d MiB", k, size>>20)
		}
	}
	t.Logf("%d passes of %d lines, half of them read again: %.1f s the slowest, a database of %d KiB", passes, perSecond*every*3/2, slowest, size>>10)
	bed.holds(t, map[string]int{
		"SELECT SUM(puts_4xx) FROM host_hourly WHERE host = 'lab-0001'":                                               passes * perSecond * every / 2,
		"SELECT SUM(puts_2xx) FROM host_hourly WHERE host = 'lab-0002'":                                               passes * perSecond * every / 4,
		"SELECT COUNT(*) FROM alert_log WHERE host = 'lab-0002' AND symptom = 'fatal-only'":                           0,
		"SELECT MIN(n) FROM (SELECT COUNT(*) AS n FROM alert_log WHERE host = 'lab-0001' AND symptom = 'fatal-only')": alertHours(passes),
	})
}

// alertHours returns the number of hours that the flood's passes touch. Twelve passes from
// noon on touch two hours, and so do those of each later quarter.
func alertHours(passes int) int {
	hours := 0
	for left := passes; left > 0; left -= 12 {
		hours++
		if left >= 12 {
			hours++
		}
	}
	return hours
}

// floodLine writes the i-th line of a pass. Half of the lines are refused PUTs of one host, a
// quarter are accepted PUTs of another, and the rest are rejections of invented names.
func floodLine(w io.Writer, n, i int, at int64) {
	message := fmt.Sprintf(`INFO:     10.0.0.9:1 - "PUT /v1/episodes/lab-0001/ep-%d HTTP/1.1" 401 Unauthorized`, i)
	switch i % 4 {
	case 1:
		message = fmt.Sprintf(`INFO:     10.0.0.9:1 - "PUT /v1/episodes/lab-0002/ep-%d HTTP/1.1" 200 OK`, i)
	case 3:
		message = fmt.Sprintf("WARNING rejected PUT host=nobody-%d, for the reason %d", i%5000, i)
	}
	fmt.Fprintf(w, "__CURSOR=s=%032x;i=%x;b=%032x;m=%x;t=%x;x=%x\n__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=%d\n_BOOT_ID=%032x\n"+
		"_SYSTEMD_UNIT=cis490-receiver.service\nPRIORITY=6\n_PID=77\nMESSAGE=%s\n\n", 1, n, 2, n, at, n, at, n, 2, message)
}
