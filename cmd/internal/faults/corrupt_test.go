package faults

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cis490/fleet-health/cmd/internal/cli"
	"github.com/cis490/fleet-health/cmd/internal/fleettest"
)

// TestDamagedDatabases damages a database in many ways. No command crashes, hangs, or needs
// much memory. Commands that only read do not change it. A pass refuses it without writing
// a byte, and names a way out that works. A database that is not refused is sound for
// SQLite, too.
func TestDamagedDatabases(t *testing.T) {
	t.Parallel()
	if fleettest.RaceDetector {
		t.Skip("the race detector does not see into the processes that are run")
	}
	const shards = 4
	s := damagable(t, 4000)
	b := soundDatabase(t, s.dir)
	fresh := s.copied()
	for _, suffix := range []string{"", "-wal", "-shm"} {
		os.Remove(fresh + "/fleet.db" + suffix)
	}
	if code, said := s.execute("rebuild", fresh); code != cli.ExitOK {
		t.Fatalf("exit %d\n%s", code, said)
	}
	rebuilt := left(t, fresh)
	n := len(mutations)
	if fleettest.Nightly() {
		n = 1000
	}
	var refused, harmless, undetectable atomic.Int64
	t.Cleanup(func() {
		t.Logf("databases: %d tried: %d refused, %d harmless, %d undetectable, to SQLite as well", n, refused.Load(), harmless.Load(), undetectable.Load())
		if int(refused.Load()+harmless.Load()+undetectable.Load()) != n {
			t.Errorf("%d were to be tried", n)
		}
		if int(refused.Load()) < n/3 {
			t.Error("too few were refused: are they damaged?")
		}
	})
	for shard := range shards {
		t.Run(fmt.Sprint(shard), func(t *testing.T) {
			t.Parallel()
			s := s.in(t)
			for i := shard; i < n; i += shards {
				m := mutations[i%len(mutations)]
				d := &damaged{scene: s, name: fmt.Sprintf("%s, seed %d", m.name, i), dir: s.copied(), rebuilt: rebuilt}
				if err := m.do(rand.New(rand.NewPCG(uint64(i), 490)), b, d.dir); err != nil {
					t.Fatal(err)
				}
				outcome := d.check()
				switch outcome {
				case "refused":
					refused.Add(1)
				case "harmless":
					harmless.Add(1)
				case "undetectable":
					undetectable.Add(1)
				}
				if m.foreign && outcome != "refused" {
					t.Errorf("%s: the pass took it", d.name)
				}
				os.RemoveAll(d.dir)
			}
		})
	}
}

// TestDamageBetweenTwoDailyChecks damages a database of more than 4 MiB, which is read
// completely only once a day. A pass that misses the damage does not crash. One that
// notices it names the way out. The first pass of the next day refuses the database.
func TestDamageBetweenTwoDailyChecks(t *testing.T) {
	t.Parallel()
	if fleettest.RaceDetector {
		t.Skip("the race detector does not see into the processes that are run")
	}
	s := damagable(t, 60_000)
	b := soundDatabase(t, s.dir)
	if len(b.content) <= 4<<20 {
		t.Fatalf("the database has only %d bytes", len(b.content))
	}
	n := 12
	if fleettest.Nightly() {
		n = 200
	}
	kinds := []mutation{flipped("leaf"), flipped("internal"), flipped("map"), flipped("free")}
	unseen, refused := 0, 0
	for i := range n {
		m := kinds[i%len(kinds)]
		d := &damaged{scene: s, name: fmt.Sprintf("%s, seed %d", m.name, i), dir: s.copied()}
		if err := m.do(rand.New(rand.NewPCG(uint64(i), 491)), b, d.dir); err != nil {
			t.Fatal(err)
		}
		code, said := d.at(0)
		if code == cli.ExitOK {
			unseen++
		} else if !strings.Contains(said, "`cis490-fleet-health rebuild`") {
			t.Errorf("%s: exit %d without the way out: %s", d.name, code, said)
		}
		whole, before := integrity(t, d.dir), d.sum()
		code, said = d.at(25 * time.Hour)
		if whole != "ok" {
			refused++
			if code != cli.ExitFailed || !strings.Contains(said, "`cis490-fleet-health rebuild`") || d.sum() != before {
				t.Errorf("%s: not refused a day later, though %s: exit %d\n%s", d.name, whole, code, said)
			}
		}
		os.RemoveAll(d.dir)
	}
	t.Logf("databases: %d damaged between two checks: %d passes saw nothing, %d were refused the next day", n, unseen, refused)
	if refused == 0 || unseen == 0 {
		t.Error("the test has not met what it is for")
	}
}
