package load

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/cis490/fleet-health/cmd/internal/fleettest"
	"github.com/cis490/fleet-health/detect"
	"github.com/cis490/fleet-health/store"
)

// makeHistory fills a new database with a fleet's ships and as many PUTs, at random times in
// the days before end. One host in twenty has been failing for a while, with an alert every
// hour.
func makeHistory(b testing.TB, db string, ships, hosts, days int, end time.Time) {
	b.Helper()
	check := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	ctx := b.Context()
	s, err := store.Open(ctx, db, store.Options{Now: end.UnixMicro()})
	check(err)
	defer s.Close()
	random := rand.New(rand.NewPCG(1, 2))
	names := make([]string, hosts)
	series := make([]store.Series, hosts)
	for i := range names {
		names[i] = fmt.Sprintf("lab-%04d", i)
		series[i] = store.Series{Host: names[i], Commit: fmt.Sprintf("%040x", i%7)}
	}
	index, err := s.Source(ctx, store.StreamIndex)
	check(err)
	journal, err := s.Source(ctx, store.StreamJournal)
	check(err)
	const chunk = 200_000
	span := int64(days) * 24 * store.Hour
	begin := end.UnixMicro() - span
	for done := 0; done < ships; {
		n := min(chunk, ships-done)
		put := &store.Batch{Source: journal, Now: end.UnixMicro(), Hosts: names}
		ship := &store.Batch{Source: index, Now: end.UnixMicro(), Series: series}
		for range n {
			done++
			at := begin + span/int64(ships)*int64(done)
			host := int32(random.IntN(hosts))
			status := int32(200)
			if host%20 == 7 && at > end.UnixMicro()-5*store.Hour {
				status = []int32{412, 412, 500}[random.IntN(3)]
			} else {
				ship.Ships = append(ship.Ships, store.Ship{ReceivedAt: at, LineHash: random.Uint64(), Series: host})
			}
			put.Puts = append(put.Puts, store.Put{At: at, CursorHash: random.Uint64(), Host: host, Status: status})
		}
		_, err := s.Save(ctx, ship)
		check(err)
		_, err = s.Save(ctx, put)
		check(err)
	}
	for hour := 5; hour >= 0; hour-- {
		at := end.UnixMicro() - int64(hour)*store.Hour
		row := store.Pass{StartedAt: at, AsOf: at}
		check(s.BeginPass(ctx, &row))
		check(s.Update(ctx, func(tx *store.Tx) error {
			verdicts, err := detect.Find(tx, detect.Thresholds{Lookback: 24 * store.Hour, SilentThreshold: 30 * store.Minute, RecentWindow: 30 * store.Minute,
				FatalRatio: 0.95, FatalMinCount: 1}, detect.Sources{}, at)
			if err == nil {
				_, err = detect.Raise(tx, verdicts, at, row.ID)
			}
			return err
		}))
		row.FinishedAt.Int64, row.FinishedAt.Valid, row.Outcome.String, row.Outcome.Valid = at, true, store.OutcomeOK, true
		check(s.FinishPass(ctx, &row))
	}
	check(s.FinishDays(ctx, end.UnixMicro()))
	_, err = s.Checkpoint(ctx)
	check(err)
}

// BenchmarkReports times the commands that only read, as whole processes. The database has
// 10,000,000 ships and as many PUTs of 1,000 hosts and 90 days.
func BenchmarkReports(b *testing.B) {
	t := newBed(b)
	t.now = time.Date(2026, 5, 1, 12, 34, 0, 0, time.UTC)
	db := filepath.Join(t.dir, "fleet.db")
	makeHistory(b, db, 10_000_000, 1000, 90, t.now)
	commands := map[string][]string{
		"report":          {"report"},
		"host-90d-by-day": {"report", "lab-0007", "--since", "90d", "--bucket", "1d"},
		"host-48h-by-h":   {"report", "lab-0007", "--since", "48h", "--bucket", "1h"},
		"alerts":          {"alerts"},
		"status":          {"status"},
	}
	for b.Loop() {
		most := 0.0
		for name, command := range commands {
			args := append(command, "--db", db, "--now", t.now.Format(time.RFC3339))
			best := quickest(func() used { return t.run(t.program, args...) })
			b.ReportMetric(1000*best[0], name+"-ms")
			most = max(most, t.peakOf(args...))
		}
		b.ReportMetric(most, "peak-MiB")
	}
}

// BenchmarkWithoutTheDatabase finds the last ship of each host and its ships of a day in an
// index, as one would without this program. The index has 1,000,000 rows, a tenth of those
// of BenchmarkReports. Each command runs once.
func BenchmarkWithoutTheDatabase(b *testing.B) {
	fleettest.Need(b, "/usr/bin/jq")
	t := newBed(b)
	t.appendIndex(t.index, 1_000_000, 1000, t.now, 90*24*time.Hour)
	since := t.now.Add(-24 * time.Hour).Format("2006-01-02T15:04:05")
	csv := filepath.Join(t.dir, "index.csv")
	for b.Loop() {
		b.ReportMetric(t.run("/bin/sh", "-c", `jq -r '[.host_id, .received_at_wall] | @tsv' "$1" |
			awk -v since="$2" '$2 > last[$1] { last[$1] = $2 } $2 > since { ships[$1]++ } END { for (h in last) print h, last[h], ships[h] }'`,
			"sh", t.index, since).wall.Seconds(), "jq-and-awk-s")
		b.ReportMetric(t.run("/usr/bin/python3", "-c", `
import json, sys
hosts = {}
for line in open(sys.argv[1]):
    r = json.loads(line)
    last, ships = hosts.get(r["host_id"], ("", 0))
    hosts[r["host_id"]] = max(last, r["received_at_wall"]), ships + (r["received_at_wall"] > sys.argv[2])
print(hosts)`, t.index, since).wall.Seconds(), "python-s")
		b.ReportMetric(t.run("/bin/sh", "-c", `jq -r '[.host_id, .received_at_wall] | @csv' "$1" >"$2" && sqlite3 :memory: "CREATE TABLE t (host, at)" \
			".import --csv $2 t" "SELECT host, MAX(at), SUM(at > '$3') FROM t GROUP BY host"`, "sh", t.index, csv, since).wall.Seconds(), "jq-and-sqlite3-import-s")
	}
}
