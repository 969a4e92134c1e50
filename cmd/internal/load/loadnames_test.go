package load

import (
	"encoding/binary"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cis490/fleet-health/cmd/internal/fleettest"
	"github.com/cis490/fleet-health/store/isotime"
)

// TestAMillionMadeUpHosts shows that a scanner with invented names fills neither the disk nor
// the alerts: each detector says them once. A receiver that accepts them as hosts fills its own
// disk, but not the memory of the pass.
func TestAMillionMadeUpHosts(t *testing.T) {
	bed := loadBed(t)
	names := fleettest.LongOr(1_000_000, 50_000)
	export := filepath.Join(bed.dir, "journal.export")
	bed.lines(bed.index, 1, func(w io.Writer, _ int) { io.WriteString(w, fleettest.Ship("lab-1", bed.now)) })
	at := func(i int) time.Time {
		return bed.now.Add(-20*time.Minute + time.Duration(i)*20*time.Minute/time.Duration(names))
	}
	bed.lines(export, names, func(w io.Writer, i int) {
		io.WriteString(w, fleettest.Entry(i, at(i).UnixMicro(), fmt.Sprintf(`"PUT /v1/episodes/made-up-%07d/e HTTP/1.1" 404`, i)))
	})
	seconds, peak := bed.passWithin(true, "--journal-export", export)
	bed.holds(t, map[string]int{
		"SELECT COUNT(*) FROM hosts WHERE name LIKE 'made-up%'":                 1000,
		"SELECT COUNT(*) FROM hosts":                                            1002,
		"SELECT SUM(puts_4xx) FROM host_hourly WHERE host = '(overflow)'":       names - 1000,
		"SELECT COUNT(*) > 0 AND COUNT(*) <= 20 * 200 FROM put_log":             1,
		"SELECT COUNT(*) FROM alert_log":                                        2,
		"SELECT COUNT(DISTINCT symptom) FROM alert_log WHERE host='(overflow)'": 2,
	})
	once(t, bed.db()+".alerts", 2)
	t.Logf("load: %d made-up hosts in the journal: %.1f s, %.0f a second, peak %.0f MiB", names, seconds, float64(names)/seconds, peak)
}

// TestLongPathsAndLongMessages: the path of a PUT, which may have tens of KiB, stayed in
// memory for each name of a batch. So did the facts of all lines of a message.
func TestLongPathsAndLongMessages(t *testing.T) {
	bed := loadBed(t)
	bed.lines(bed.index, 1, func(w io.Writer, _ int) { io.WriteString(w, fleettest.Ship("lab-1", bed.now)) })
	export, at, paths, messages := filepath.Join(bed.dir, "journal.export"), bed.now.Add(-time.Minute).UnixMicro(), fleettest.LongOr(50_000, 3000), fleettest.LongOr(2000, 300)
	long := strings.Repeat("x", 40<<10)
	bed.lines(export, paths, func(w io.Writer, i int) {
		io.WriteString(w, fleettest.Entry(i, at+int64(i), fmt.Sprintf(`"PUT /v1/episodes/%d%s/e HTTP/1.1" 404`, i, long)))
	})
	const facts = 1500
	many := strings.Repeat("host=lab-1 missing X-Cis490-Code-Commit\n", facts)
	bed.lines(export, messages, func(w io.Writer, i int) {
		fmt.Fprintf(w, "__CURSOR=s=2;i=%x\n__REALTIME_TIMESTAMP=%d\nMESSAGE\n", i, at+int64(i))
		w.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(many))))
		io.WriteString(w, many+"\n\n")
	})
	seconds, peak := bed.passWithin(true, "--journal-export", export)
	bed.holds(t, map[string]int{
		"SELECT SUM(puts_4xx) FROM host_hourly WHERE host = '(invalid)'": paths,
		"SELECT SUM(unstamped) FROM host_hourly":                         messages * facts,
		"SELECT COUNT(*) FROM put_log":                                   200,
		"SELECT COUNT(*) FROM rejection_log":                             200,
	})
	t.Logf("load: %d paths of 40 KiB and %d messages of %d lines in the journal: %.1f s, peak %.0f MiB", paths, messages, facts, seconds, peak)
}

// TestAMillionShippingHosts: invented names in the index cannot be told from hosts. These
// names and their commits have the largest length. With those of three batches, the pass
// took 66 MiB. When 50,000 of them were silent, it took 131 MiB, and with the facts about the
// first 10,000 of 1,000,000, 72 MiB.
func TestAMillionShippingHosts(t *testing.T) {
	bed := loadBed(t)
	names := fleettest.LongOr(1_000_000, 50_000)
	bed.lines(bed.index, names, func(w io.Writer, i int) {
		fmt.Fprintf(w, `{"host_id": "made-up-%0247d", "received_at_wall": %q, "code_commit": "%0128d"}`+"\n",
			i, isotime.Format(bed.now.Add(-20*time.Minute+time.Duration(i)*time.Millisecond).UnixMicro()), i)
	})
	seconds, peak := bed.passWithin(false)
	bed.holds(t, map[string]int{
		"SELECT COUNT(*) FROM hosts":    names,
		"SELECT COUNT(*) FROM ship_log": names,
	})
	t.Logf("load: %d made-up hosts in the index: %.1f s, %.0f a second, a database of %d MiB, peak %.0f MiB",
		names, seconds, float64(names)/seconds, bed.size(bed.db())>>20, peak)

	bed.now = bed.now.Add(time.Hour)
	seconds, peak = bed.passWithin(false)
	once(t, bed.db()+".alerts", names+1) // and one of the receiver, which explains them
	t.Logf("load: %d made-up hosts, all silent: %.1f s, peak %.0f MiB", names, seconds, peak)
}
