package cli

import (
	"testing"

	"github.com/cis490/fleet-health/store"
)

// TestWhenNoPutIsUnderstood decides at minute 120, with detectors that look back 30
// minutes.
func TestWhenNoPutIsUnderstood(t *testing.T) {
	t.Parallel()
	const m = store.Minute
	at := func(f putFacts) putFacts {
		f.until, f.window = 120*m, 30*m
		return f
	}
	seen := func(lastPut, followed, gap int64) store.PutEvidence {
		return store.PutEvidence{LastPut: lastPut, FollowedSince: followed, GapFrom: gap}
	}
	for name, test := range map[string]struct {
		facts putFacts
		ships int   // since then; at most ten are counted
		since int64 // start of the time without a PUT
		none  bool
		few   bool
	}{
		"a fleet without a journal says nothing":                 {facts: at(putFacts{shipped: 300}), ships: 10},
		"a first pass that reads entries and no PUT":             {at(putFacts{shipped: 300, entries: 3, oldest: 100 * m}), 10, 100 * m, true, false},
		"an old index with a young journal that has no ship":     {at(putFacts{shipped: 300, entries: 3, oldest: 119 * m}), 0, 119 * m, false, false},
		"an old index with a young journal that has few ships":   {at(putFacts{shipped: 300, entries: 3, oldest: 119 * m}), 9, 119 * m, false, false},
		"a form that changes while many ship":                    {at(putFacts{PutEvidence: seen(116*m, 10*m, 0), shipped: 50, entries: 50, oldest: 116 * m}), 10, 116 * m, true, false},
		"a slow fleet, soon after its last PUT":                  {at(putFacts{PutEvidence: seen(100*m, 10*m, 0), shipped: 5, entries: 5, oldest: 116 * m}), 10, 100 * m, false, false},
		"a slow fleet, when the detectors see no PUT any more":   {at(putFacts{PutEvidence: seen(89*m, 10*m, 0), shipped: 5, entries: 5, oldest: 116 * m}), 10, 89 * m, true, false},
		"a slow fleet of which no PUT was ever understood":       {at(putFacts{PutEvidence: seen(0, 105*m, 0), shipped: 5, entries: 5, oldest: 116 * m}), 10, 105 * m, true, false},
		"an access log that is off, and entries only at a start": {at(putFacts{PutEvidence: seen(0, 60*m, 0), shipped: 5}), 10, 60 * m, true, false},
		"a pass without entries just after the last PUT":         {at(putFacts{PutEvidence: seen(119*m, 60*m, 0), shipped: 50}), 10, 119 * m, false, false},
		"a quiet night":                                                  {at(putFacts{PutEvidence: seen(30*m, 10*m, 0), entries: 5, oldest: 116 * m}), 0, 30 * m, false, false},
		"a gap that goes on keeps its start":                             {at(putFacts{PutEvidence: seen(40*m, 100*m, 41*m), entries: 1, oldest: 116 * m}), 10, 41 * m, true, false},
		"a gap that a PUT has ended is another one's":                    {at(putFacts{PutEvidence: seen(80*m, 10*m, 41*m), shipped: 20, entries: 20, oldest: 116 * m}), 10, 80 * m, true, false},
		"PUTs and ships":                                                 {at(putFacts{PutEvidence: seen(119*m, 10*m, 0), newPuts: 50, shipped: 50, entries: 60, oldest: 116 * m}), 50, 119 * m, false, false},
		"ten ships to each PUT":                                          {at(putFacts{PutEvidence: seen(119*m, 10*m, 0), newPuts: 3, shipped: 300, entries: 3, oldest: 100 * m}), 30, 119 * m, false, true},
		"few PUTs in a young journal":                                    {at(putFacts{PutEvidence: seen(119*m, 10*m, 0), newPuts: 3, shipped: 3000, entries: 3, oldest: 119 * m}), 12, 119 * m, false, false},
		"few new PUTs and ships among many that are read a second time":  {at(putFacts{PutEvidence: seen(119*m, 10*m, 0), newPuts: 1, shipped: 1, entries: 999, oldest: 1 * m}), 10, 119 * m, false, false},
		"one PUT to nine ships, as a small fleet may have in one moment": {at(putFacts{PutEvidence: seen(119*m, 10*m, 0), newPuts: 1, shipped: 9, entries: 2, oldest: 116 * m}), 9, 119 * m, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := test.facts.since(); got != test.since {
				t.Errorf("no PUT since minute %d, want %d", got/m, test.since/m)
			}
			if got := test.facts.notUnderstood(test.ships); got != test.none {
				t.Errorf("not understood is %v, want %v", got, test.none)
			}
			if got := test.facts.fewUnderstood(test.ships); got != test.few {
				t.Errorf("few understood is %v, want %v", got, test.few)
			}
		})
	}
}
