package load

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/cis490/fleet-health/store"
)

// makePasses adds passes that judged, one every five minutes of the days before end.
func makePasses(b testing.TB, db string, days int, end time.Time) {
	b.Helper()
	s, err := store.Open(b.Context(), db, store.Options{Now: end.UnixMicro()})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	err = s.Update(b.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec(`
			WITH RECURSIVE at (n) AS (SELECT ?1 UNION ALL SELECT n + 300000000 FROM at WHERE n + 300000000 <= ?2)
			INSERT INTO passes (started_at, finished_at, as_of, outcome, judged)
			SELECT n, n, n, 'ok', 1
			FROM at`, end.UnixMicro()-int64(days)*24*store.Hour+5*store.Minute, end.UnixMicro())
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkReplay judges a month of 50 hosts again, and nine days of 1,000 hosts. A pass of
// either has the same facts, more or less: what differs is the number of hosts.
func BenchmarkReplay(b *testing.B) {
	t := newBed(b)
	t.now = time.Date(2026, 5, 1, 12, 34, 0, 0, time.UTC)
	most := 0.0
	for _, size := range []struct{ hosts, days int }{{50, 30}, {1000, 9}} {
		db := filepath.Join(t.dir, fmt.Sprintf("%d.db", size.hosts))
		history := size.days + 5 // in which rhythms are learnt
		makeHistory(b, db, 1_000_000*history/size.days, size.hosts, history, t.now)
		makePasses(b, db, size.days+1, t.now)
		args := []string{"replay", "--db", db, "--since", fmt.Sprintf("%dd", size.days), "--now", t.now.Format(time.RFC3339), "--format", "json"}
		b.ReportMetric(0, "ns/op") // of no use
		took := t.run(t.program, args...).wall
		b.ReportMetric(took.Seconds(), fmt.Sprintf("%d-hosts-s", size.hosts))
		b.ReportMetric(1000*took.Seconds()/float64(size.days*288), fmt.Sprintf("%d-hosts-ms-a-pass", size.hosts))
		most = max(most, t.peakOf(args...))
	}
	b.ReportMetric(most, "peak-MiB")
}
