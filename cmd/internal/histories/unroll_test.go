package histories

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cis490/fleet-health/cmd/internal/fleettest"
	"github.com/cis490/fleet-health/detect"
	"github.com/cis490/fleet-health/store"
	"github.com/google/go-cmp/cmp"
)

// TestRollupsTellSilences judges again by the rollups alone what passes judged by the rows of
// the index. Of a host that ships at most twice in an hour, the rollup has both times. So the
// incidents must be the same, with other thresholds as well.
func TestRollupsTellSilences(t *testing.T) {
	t.Parallel()
	dir, start := fleettest.MemoryDir(t), fleettest.Now.UnixMicro()
	from := start - 6*24*store.Hour
	f := newFleet(22, from)
	whole, other := newSide(t, dir+"/whole.db", f, start), newSide(t, dir+"/other.db", f, start)
	r := rand.New(rand.NewPCG(22, 22))
	other.thresholds = someThresholds(r)
	for at := from; at < start; at += 5 * store.Minute {
		f.live(at, at+5*store.Minute)
	}
	inHour := map[[2]int64]int{} // ships by host and hour
	var ships []episode
	for _, e := range f.ships {
		key := [2]int64{int64(e.host), e.at / store.Hour}
		if inHour[key]++; inHour[key] <= 2 {
			ships = append(ships, e)
		}
	}
	read := detect.Sources{Journal: detect.Source{Off: true}}
	for now := start - 30*store.Hour; now < start; now += 5 * store.Minute {
		due := 0
		for due < len(ships) && ships[due].at <= now {
			due++
		}
		for _, side := range []*side{whole, other} {
			side.save(slices.Clone(ships[:due]), now)
			side.judge(read, now, false)
		}
		ships = ships[due:]
	}
	passes := whole.judged()
	for n := range passes {
		passes[n].FromRollups = true
	}
	changed := func(t *detect.Thresholds) { *t = other.thresholds }
	recorded := whole.ask(judgedAgain[:3]...)
	if len(recorded) < 30 {
		t.Errorf("the passes found only %d rows", len(recorded))
	}
	if diff := cmp.Diff(recorded, whole.rerun(passes, nil, nil, judgedAgain[:3])); diff != "" {
		t.Errorf("judged by rollups (-recorded +again)\n%s", diff)
	}
	if diff := cmp.Diff(other.ask(judgedAgain[:3]...), whole.rerun(passes, nil, changed, judgedAgain[:3])); diff != "" {
		t.Errorf("judged by rollups with %+v (-recorded +again)\n%s", other.thresholds, diff)
	}
}
