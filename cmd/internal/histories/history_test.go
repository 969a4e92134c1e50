package histories

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cis490/fleet-health/cmd/internal/fleettest"
)

// happening is an event that may happen to a machine.
type happening struct {
	name   string
	weight int // its relative frequency
	do     func(*machine)
}

var happenings = []happening{
	{"ship", 10, (*machine).ship},
	{"begin a line", 3, (*machine).beginLine},
	{"ship to a file that was rotated away", 2, (*machine).shipLate},
	{"rotate the index", 4, (*machine).rotate},
	{"compress a rotated index", 2, (*machine).compress},
	{"copy the index and truncate it", 2, (*machine).copyTruncate},
	{"copy the index", 2, (*machine).copyIndex},
	{"truncate the index", 1, (*machine).cut},
	{"rewrite the index", 2, (*machine).rewrite},
	{"remove a rotated index", 1, (*machine).removeRotated},
	{"log", 10, (*machine).log},
	{"rotate the journal", 3, (*machine).rotateJournal},
	{"renumber the journal", 2, (*machine).renumberJournal},
	{"vacuum the journal", 2, (*machine).vacuum},
	{"reboot", 1, (*machine).reboot},
	{"step the clock", 2, (*machine).stepClock},
	{"delete alerts.jsonl", 1, (*machine).deleteAlerts},
	{"edit alerts.jsonl", 2, (*machine).editAlerts},
	{"rotate alerts.jsonl", 1, (*machine).rotateAlerts},
	{"truncate alerts.jsonl", 1, (*machine).truncateAlerts},
	{"pass", 8, (*machine).pass},
	{"two passes", 2, (*machine).twoPasses},
	{"killed pass", 3, (*machine).killedPass},
	{"pass without the index", 1, (*machine).passWithoutIndex},
	{"pass without a journal file", 2, (*machine).passWithoutJournalFile},
	{"pass beside a reader", 2, (*machine).passBesideReader},
	{"pass beside a writer", 1, (*machine).passBesideWriter},
	{"upgrade", 1, (*machine).upgrade},
}

// step is a happening with its own seed, so that it stays the same when other steps of its
// history are left out.
type step struct {
	happening
	seed uint64
}

// randomSteps returns a history. It starts with rows and ends with a good pass.
func randomSteps(seed uint64) (steps []step) {
	r := rand.New(rand.NewPCG(seed, 5))
	var deck []happening
	named := map[string]happening{}
	for _, h := range happenings {
		deck = append(deck, slices.Repeat([]happening{h}, h.weight)...)
		named[h.name] = h
	}
	steps = append(steps, step{named["ship"], r.Uint64()}, step{named["log"], r.Uint64()})
	for range 10 + r.IntN(16) {
		steps = append(steps, step{deck[r.IntN(len(deck))], r.Uint64()})
	}
	return append(steps, step{named["pass"], r.Uint64()})
}

// happen applies a history to a new machine. It returns the fault that it found, "" for
// none, the number of killed passes, and how often the passes judged again.
func happen(t *testing.T, scratch string, steps []step) (wrong string, kills, again int) {
	dir, err := os.MkdirTemp(scratch, "")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	i := -1
	defer func() {
		switch r := recover().(type) {
		case nil:
		case fault:
			wrong = fmt.Sprintf("after step %d, %s: %s", i, steps[i].name, string(r))
		default:
			panic(r)
		}
	}()
	m := newMachine(t, dir)
	m.index.naming = int(steps[len(steps)-1].seed % 3)
	defer m.letGo()
	defer func() { kills, again = m.kills, m.again }()
	for i = range steps {
		m.r = rand.New(rand.NewPCG(steps[i].seed, 6))
		m.wait()
		steps[i].do(m)
	}
	m.judgeAgain()
	return "", 0, 0
}

// shrink removes steps from a history as long as it still finds a fault.
func shrink(t *testing.T, scratch string, steps []step, wrong string) ([]step, string) {
	for i := len(steps) - 2; i >= 0; i-- {
		fewer := slices.Delete(slices.Clone(steps), i, i+1)
		if still, _, _ := happen(t, scratch, fewer); still != "" {
			steps, wrong = fewer, still
		}
	}
	return steps, wrong
}

// TestAnyHistoryLeavesEachFactAndAlertOnce applies random events to a receiver and its
// passes: files are rotated, cut and rewritten, the clock steps, passes are killed. A plain
// model knows what was written and deleted. After each good pass, the database must agree
// with it.
func TestAnyHistoryLeavesEachFactAndAlertOnce(t *testing.T) {
	t.Parallel()
	fleettest.Need(t, fleettest.Strace)
	fleettest.Need(t, fleettest.JournalRemote)
	first, count := uint64(0), 200
	switch {
	case fleettest.RaceDetector:
		count = 30
	case fleettest.Nightly():
		count = 5000
	}
	atLeast, atLeastKilled := int64(count)*15, int64(count)/5 // steps and killed passes
	if one, err := strconv.ParseUint(os.Getenv("FLEET_HEALTH_HISTORY"), 10, 64); err == nil {
		first, count, atLeast, atLeastKilled = one, 1, 0, 0
	}
	scratch, begun := fleettest.MemoryDir(t), time.Now()
	var tried, taken, killed, judged atomic.Int64
	t.Cleanup(func() {
		t.Logf("histories: %d, of %d steps and %d killed passes in all, %d judged again, from seed %d on, in %s", tried.Load(), taken.Load(), killed.Load(), judged.Load(), first, time.Since(begun).Round(time.Second))
		if tried.Load() < int64(count) || taken.Load() < atLeast || min(killed.Load(), judged.Load()) < atLeastKilled {
			t.Errorf("that is not the %d histories of %d steps, %d killed passes and as many judged again that it should be", count, atLeast, atLeastKilled)
		}
	})
	const parts = 4
	for part := range parts {
		t.Run(fmt.Sprint("part ", part), func(t *testing.T) {
			t.Parallel()
			for i := part; i < count; i += parts {
				seed := first + uint64(i)
				steps := randomSteps(seed)
				wrong, kills, again := happen(t, scratch, steps)
				tried.Add(1)
				taken.Add(int64(len(steps)))
				killed.Add(int64(kills))
				judged.Add(int64(again))
				if wrong == "" {
					continue
				}
				steps, wrong = shrink(t, scratch, steps, wrong)
				var story strings.Builder
				for _, s := range steps {
					fmt.Fprintf(&story, "%s; ", s.name)
				}
				t.Errorf("seed %d: %s\n%s", seed, story.String(), wrong)
			}
		})
	}
}
