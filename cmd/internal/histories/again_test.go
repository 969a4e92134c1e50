package histories

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cis490/fleet-health/cmd/internal/fleettest"
	"github.com/cis490/fleet-health/detect"
	"github.com/cis490/fleet-health/report"
	"github.com/cis490/fleet-health/store"
	"github.com/google/go-cmp/cmp"
)

// since returns queries for what passes found after a time, without IDs.
func since(at int64) []string {
	const cause = "(SELECT c.subject || c.symptom || c.opened_at FROM incidents AS c WHERE c.id = %s.explained_by)"
	return []string{
		fmt.Sprintf(`SELECT json_array(subject, symptom, began_at, opened_at, last_found_at, clear_at, lost_at, resolved_at, resolution, `+cause+`, said_at,
			repeated_at, detail, figure, fix, query) FROM incidents AS i WHERE last_found_at > %d OR resolved_at > %[2]d ORDER BY opened_at, subject, symptom`, "i", at),
		fmt.Sprintf(`SELECT json_array(e.at, subject, event, e.symptom, said, e.detail, `+cause+`) FROM incident_events AS e
			JOIN incidents AS i ON i.id = incident_id WHERE e.at > %d ORDER BY e.at, e.id`, "e", at),
	}
}

// TestPassesJudgeAgain runs passes over random fleets with rhythms, while the clock is ahead
// for some passes, so that it goes back. Judged again, from the start and from the middle, the
// passes must find the same.
func TestPassesJudgeAgain(t *testing.T) {
	t.Parallel()
	seeds, passes := 4, 250
	switch {
	case fleettest.RaceDetector:
		seeds = 1
	case fleettest.Nightly():
		seeds, passes = 40, 600
	}
	for seed := range uint64(seeds) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			dir, start := fleettest.MemoryDir(t), fleettest.Now.UnixMicro()
			from := start - 5*24*store.Hour
			f, now := newFleet(seed, from), start
			whole, other := newSide(t, dir+"/whole.db", f, now), newSide(t, dir+"/other.db", f, now)
			r := rand.New(rand.NewPCG(seed, 220))
			other.thresholds = someThresholds(r)
			for at := from; at < start; at += 5 * store.Minute {
				f.live(at, at+5*store.Minute)
			}
			ahead, steps := int64(0), 0
			for range passes {
				ships, puts := len(f.ships), len(f.puts)
				f.live(now, now+5*store.Minute)
				now += 5 * store.Minute
				switch {
				case ahead == 0 && r.IntN(50) == 0:
					ahead = (10 + r.Int64N(200)) * store.Minute
					steps++
				case r.IntN(4) == 0:
					ahead = 0
				}
				// The receiver stamps what it gets.
				for _, facts := range [][]episode{f.ships[ships:], f.puts[puts:]} {
					for n := range facts {
						facts[n].at += ahead
					}
				}
				if operator := r.IntN(40); operator == 0 {
					act := someSetting(r, whole.hosts, now+ahead)
					whole.act(act)
					other.act(act)
				}
				read, killed := f.reads(now)
				for _, one := range []struct {
					facts *[]episode
					held  bool
				}{{&f.ships, read.Index.Unread}, {&f.puts, read.Journal.Unread}} {
					if !one.held {
						whole.save(*one.facts, now+ahead)
						other.save(slices.Clone(*one.facts), now+ahead)
						*one.facts = nil
					}
				}
				if !killed {
					whole.judge(read, now+ahead, false)
					other.judge(read, now+ahead, false)
				}
			}
			changed := func(t *detect.Thresholds) { *t = other.thresholds }
			if diff := cmp.Diff(whole.ask(judgedAgain...), whole.again(nil)); diff != "" {
				t.Errorf("judged again with the same thresholds (-recorded +again)\n%s", diff)
			}
			if diff := cmp.Diff(other.ask(judgedAgain...), whole.again(changed)); diff != "" {
				t.Errorf("judged again with %+v (-recorded +again)\n%s", other.thresholds, diff)
			}
			if learnt := whole.ask("SELECT CAST(COUNT(*) AS TEXT) FROM rhythms WHERE days >= 3"); learnt[0] == "0" || steps == 0 {
				t.Errorf("%s rhythms were learnt, and %d steps taken", learnt[0], steps)
			}
			recorded, found := whole.fromTheMiddle()
			if diff := cmp.Diff(recorded, found); diff != "" {
				t.Errorf("judged again from the middle (-recorded +again)\n%s", diff)
			}
		})
	}
}

// fromTheMiddle returns what the last quarter of the passes found, and what they find if they
// judge again from the second quarter on.
func (d *side) fromTheMiddle() (recorded, found []string) {
	d.t.Helper()
	passes := d.judged()
	passes = passes[len(passes)/4:]
	var then []store.Incident
	err := d.s.View(d.t.Context(), func(tx *store.Tx) (err error) {
		then, err = report.OpenThen(tx, passes[0].AsOf)
		return err
	})
	if err != nil {
		d.t.Fatal(err)
	}
	queries := since(passes[len(passes)*2/3].AsOf)
	return d.ask(queries...), d.rerun(passes, then, nil, queries)
}
