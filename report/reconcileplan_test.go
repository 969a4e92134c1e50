package report

import (
	"slices"
	"strings"
	"testing"

	"github.com/cis490/fleet-health/store"
	"github.com/google/go-cmp/cmp"
)

// readTo returns the steps that read alerts.jsonl and then move the cursor.
func readTo(from, to int64, before ...step) []step {
	return append(before, step{readCurrent, from}, step{do: syncCurrent}, step{do: syncNames}, step{move, to})
}

func TestPlanOfReconcile(t *testing.T) {
	t.Parallel()
	empty := tail{}
	for _, c := range []struct {
		name string
		facts
		want plan
	}{
		{"the first pass without any file does nothing",
			facts{first: true}, plan{reason: upToDate}},
		{"the first pass reads both files from their start",
			facts{first: true, rotated: unrelated, current: unrelated, tail: tail{0, 90, 90, 90, 1}},
			plan{firstTime, readTo(0, 90, step{readRotated, 0}, step{do: syncRotated})}},
		{"the first pass stores a cursor for an empty file",
			facts{first: true, current: unrelated, tail: empty}, plan{firstTime, readTo(0, 0)}},
		{"the first pass refuses a file of lines without an alert",
			facts{first: true, rotated: unrelated, current: unrelated, tail: tail{0, 90, 90, 90, 0}},
			plan{noAlert, []step{{do: refuse}}}},
		{"a file that ends at the position is left alone, and so is a copy of it that goes on",
			facts{offset: 90, rotated: goesOn, current: endsThere, tail: tail{90, 90, 90, 90, 0}}, plan{reason: upToDate}},
		{"a line that was appended but not marked is read",
			facts{offset: 90, current: goesOn, tail: tail{90, 120, 120, 120, 1}}, plan{grown, readTo(90, 120)}},
		{"a torn last alert is cut off",
			facts{offset: 90, current: goesOn, tail: tail{90, 130, 130, 120, 1}}, plan{grown, readTo(90, 120, step{cutOff, 120})}},
		{"a last line that lacks only its newline gets it",
			facts{offset: 90, current: goesOn, tail: tail{90, 120, 120, 121, 1}}, plan{grown, readTo(90, 121, step{do: endLine})}},
		{"a line before a hole gets its newline once the hole is cut off",
			facts{offset: 90, current: goesOn, tail: tail{90, 120, 500, 121, 1}},
			plan{grown, readTo(90, 121, step{cutOff, 120}, step{do: endLine})}},
		{"a file that never had the position is read from its start",
			facts{offset: 90, rotated: unrelated, current: unrelated, tail: tail{0, 60, 60, 60, 1}}, plan{replaced, readTo(0, 60)}},
		{"an emptied file stays as it is until alerts are appended",
			facts{offset: 90, rotated: endsThere, current: unrelated, tail: empty}, plan{reason: upToDate}},
		{"a file that was renamed away is read on from the position",
			facts{offset: 90, rotated: goesOn}, plan{wasRotated, []step{{readRotated, 90}, {do: syncRotated}, {do: syncNames}}}},
		{"a file that was copied and truncated is read on in the copy",
			facts{offset: 90, rotated: goesOn, current: unrelated, tail: empty},
			plan{wasRotated, readTo(0, 0, step{readRotated, 90}, step{do: syncRotated})}},
		{"a first export that was interrupted and then rotated is read if its alerts are not marked",
			facts{waiting: true, rotated: goesOn}, plan{wasRotated, []step{{readRotated, 0}, {do: syncRotated}, {do: syncNames}}}},
		{"a rotated file does not matter at position 0 if no alert waits for export",
			facts{rotated: goesOn}, plan{reason: upToDate}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, planFor(c.facts), cmp.AllowUnexported(plan{}, step{})); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
}

// TestEveryPlanKeepsWholeLines plans for every file of up to three pieces, in every
// relation to the position, and carries out the steps in memory.
func TestEveryPlanKeepsWholeLines(t *testing.T) {
	t.Parallel()
	line := AlertJSON(store.Alert{Host: "lab-1", Symptom: "silent", DetectedAt: 1, DedupKey: "0123456789abcdef"})
	pieces := []string{"", line, line[:len(line)-1], line[:30], "a remark\n", "a remark", "\x00\x00"}
	for _, known := range []string{"", line} {
		for _, a := range pieces {
			for _, b := range pieces {
				for _, c := range pieces {
					content := known + a + b + c
					for _, f := range everyRelation(t, content, int64(len(known))) {
						if fault := faultOf(content, f, planFor(f)); fault != "" {
							t.Fatalf("%q\n%+v\n%+v\n%s", content, f, planFor(f), fault)
						}
					}
				}
			}
		}
	}
}

// everyRelation surveys a file as one that had the position, and as one that never had it,
// with every kind of alerts.jsonl.1.
func everyRelation(t *testing.T, content string, offset int64) (all []facts) {
	size := int64(len(content))
	had := goesOn
	if size == offset {
		had = endsThere
	}
	for _, f := range []facts{{first: true, current: unrelated}, {offset: offset, current: unrelated}, {offset: offset, current: had}} {
		var err error
		if f.tail, err = tailOf(strings.NewReader(content), size, f.current, f.offset); err != nil {
			t.Fatal(err)
		}
		for f.rotated = missing; f.rotated <= goesOn; f.rotated++ {
			f.waiting = false
			all = append(all, f)
			f.waiting = true
			all = append(all, f)
		}
	}
	return all
}

// faultOf carries out the steps of a plan. It returns the fault of the plan, or "".
func faultOf(content string, f facts, p plan) string {
	switch {
	case len(p.steps) == 0 && (p.reason != upToDate || f.tail.from < f.tail.size):
		return "something follows the position, but nothing is done"
	case p.reason == noAlert && (!f.first || f.tail.alerts > 0 || len(p.steps) > 1):
		return "a file of ours is refused"
	case len(p.steps) == 0, p.reason == noAlert:
		return ""
	}
	after, from, to := do(content, p.steps)
	again := facts{rotated: f.rotated, offset: to, current: endsThere, tail: tail{to, to, to, to, 0}}
	switch {
	case !strings.HasPrefix(after, wholeLines(content, f)):
		return "a whole line is cut off"
	case from != f.tail.from || f.current != unrelated && from != f.offset:
		return "alerts.jsonl is not read from the position"
	case to != int64(len(after)):
		return "the position is not where the reading ended"
	case to > 0 && !strings.HasSuffix(after, "\n"):
		return "the position is inside a line"
	case slices.Contains(p.steps, step{readRotated, f.offset}) != f.rotatedMatters():
		return "alerts.jsonl.1 is read although it does not matter, or not although it does"
	case len(planFor(again).steps) > 0:
		return "the next pass finds something to do"
	}
	return ""
}

// do returns the content of alerts.jsonl after the steps, the offset from which the steps
// read it, and the new position.
func do(content string, steps []step) (after string, from, to int64) {
	after, from, to = content, -1, -1
	for _, s := range steps {
		switch s.do {
		case cutOff:
			after = after[:s.at]
		case endLine:
			after += "\n"
		case readCurrent:
			from = s.at
		case move:
			to = s.at
		}
	}
	return after, from, to
}

// wholeLines returns a file up to its last newline. If there is a hole after the position,
// it returns the file up to the last newline before the hole.
func wholeLines(content string, f facts) string {
	kept, _, hole := strings.Cut(content[f.offset:], "\x00")
	if f.current == unrelated || !hole {
		kept = content[f.offset:]
	}
	kept = content[:f.offset] + kept
	return kept[:strings.LastIndexByte(kept, '\n')+1]
}
