package load

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/cis490/fleet-health/store"
)

// maxIndexPage is the size in bytes that the page of 1,000 hosts may have.
const maxIndexPage = 3 << 19

// TestThePageOfAThousandHosts writes the page of a fleet, and those of its hosts. In the second
// database, the PUTs of each host fail in each hour.
func TestThePageOfAThousandHosts(t *testing.T) {
	bed := loadBed(t)
	bed.now = time.Date(2026, 5, 1, 12, 34, 0, 0, time.UTC)
	bed.check(os.WriteFile(bed.index, nil, 0o644))
	const hosts = 1000
	makeHistory(t, bed.db(), 200_000, hosts, 4, bed.now)
	bad := filepath.Join(bed.dir, "bad.db")
	makeFailures(t, bad, hosts, bed.now)
	pass := func(args ...string) float64 {
		return 1000 * bed.run(bed.program, append(bed.passArgs(bed.db(), bed.index, false), args...)...).wall.Seconds()
	}
	for range 10 { // learn the rhythms
		pass()
	}
	for name, db := range map[string]string{"most hosts well": bed.db(), "every hour of every host failing": bad} {
		args := []string{"report", "--format", "html", "--db", db, "--now", bed.now.Format(time.RFC3339)}
		var page bytes.Buffer
		cmd := exec.Command(bed.program, args...)
		cmd.Stdout = &page
		bed.check(cmd.Run())
		best := quickest(func() used { return bed.run(bed.program, args...) })
		t.Logf("load: the page of %d hosts, %s: %d KiB in %.0f ms, peak %.0f MiB", hosts, name, page.Len()>>10, 1000*best[0], bed.peakOf(args...))
		if page.Len() > maxIndexPage {
			t.Errorf("the page has %d bytes, more than %d", page.Len(), maxIndexPage)
		}
	}

	dir := filepath.Join(bed.dir, "page")
	bed.check(os.Mkdir(dir, 0o755))
	plain := pass()
	for n := range 3 {
		took := pass("--page", dir)
		files, err := os.ReadDir(dir)
		bed.check(err)
		t.Logf("load: pass %d with --page: %.0f ms, %.0f ms more than without; %d file(s)", n+1, took, took-plain, len(files))
		bed.now = bed.now.Add(time.Second) // later passes write only the hosts in trouble
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != hosts+1 {
		t.Errorf("%d file(s) of %d hosts, %v", len(files), hosts, err)
	}
	_, peak := bed.passWithin(false, "--page", dir)
	t.Logf("load: a pass with --page: peak %.0f MiB", peak)
}

// makeFailures fills a new database with hosts whose PUTs fail 30 times in each of 24 hours.
func makeFailures(t *testing.T, db string, hosts int, end time.Time) {
	t.Helper()
	s, err := store.Open(t.Context(), db, store.Options{Now: end.UnixMicro()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	journal, err := s.Source(t.Context(), store.StreamJournal)
	if err != nil {
		t.Fatal(err)
	}
	b := &store.Batch{Source: journal, Now: end.UnixMicro()}
	for host := range hosts {
		b.Hosts = append(b.Hosts, fmt.Sprintf("lab-%04d", host))
		for n := range 30 * 24 {
			at := end.UnixMicro() - int64(n)*2*store.Minute
			b.Puts = append(b.Puts, store.Put{At: at, CursorHash: uint64(host)<<32 + uint64(n), Host: int32(host), Status: 412})
		}
	}
	if _, err := s.Save(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}
