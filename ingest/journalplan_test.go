package ingest

import (
	"fmt"
	"slices"
	"testing"
)

// Boots of the tests: the position is in "now", "before" was read, "later" was not.
const bootNow, bootBefore, bootLater = "now", "before", "later"

// entryOf is an entry whose cursor tells its boot and its monotonic time.
func entryOf(boot string, monotonic int64) *entry {
	return &entry{cursor: fmt.Appendf(nil, "s=1;i=1;b=%s;m=%d", boot, monotonic), boot: []byte(boot), at: monotonic + 1, monotonic: monotonic}
}

// positionAt is a position at time 100 of its boot, in a mode.
func positionAt(m mode, change ...func(*position)) position {
	p := position{mode: m, monotonic: 100, journalCursor: journalCursor{
		Boot: bootNow, Cursor: string(entryOf(bootNow, 100).cursor), Boots: map[string]int64{bootNow: 100, bootBefore: 50}}}
	for _, c := range change {
		c(&p)
	}
	return p
}

func TestClassify(t *testing.T) {
	t.Parallel()
	awaiting := func(p *position) { p.awaited, p.monotonic = p.Cursor, 0 }
	twoMore := func(p *position) { p.same = 2 }
	resuming := func(boot string) func(*position) {
		return func(p *position) {
			p.resume = &stretch{Boot: boot, Cursor: string(entryOf(bootBefore, 30).cursor), Monotonic: 30}
		}
	}
	resumedAt := func(monotonic int64) func(*position) {
		return func(p *position) { p.resumed = entryTime{monotonic + 1, monotonic, []byte(bootBefore)} }
	}
	for _, c := range []struct {
		name  string
		p     position
		entry *entry
		want  verdict
	}{
		{"the cursor's entry is not read again", positionAt(modeFollow, awaiting), entryOf(bootNow, 100), entryOwn},
		{"an entry that a second file has before the cursor's is known", positionAt(modeFollow, awaiting), entryOf(bootNow, 99), entryKnown},
		{"an entry of an earlier boot before the cursor's is known", positionAt(modeFollow, awaiting), entryOf(bootBefore, 50), entryKnown},
		{"an entry after the cursor's, which did not come, tells that it is gone", positionAt(modeFollow, awaiting), entryOf(bootNow, 101), entryNewOwnGone},
		{"an entry with the time of the cursor's, which did not come, tells the same", positionAt(modeFollow, awaiting, func(p *position) { p.awaited += "0" }), entryOf(bootNow, 100), entryNewOwnGone},
		{"a boot that was never met before the cursor's entry tells the same", positionAt(modeFollow, awaiting), entryOf(bootLater, 1), entryNewOwnGone},
		{"what was read at the cursor's time comes after its entry", positionAt(modeFollow, twoMore), entryOf(bootNow, 100), entrySameTime},
		{"one more entry at the cursor's time is new", positionAt(modeFollow), entryOf(bootNow, 100), entryNew},
		{"an entry after the cursor's is new", positionAt(modeFollow, twoMore), entryOf(bootNow, 101), entryNew},
		{"after the cursor's entry, its boot has only new ones, whatever their time", positionAt(modeFollow), entryOf(bootNow, 99), entryNew},
		{"an earlier boot that journalctl prints after the cursor is known", positionAt(modeFollow), entryOf(bootBefore, 49), entryKnown},
		{"an earlier boot that goes on is new", positionAt(modeFollow), entryOf(bootBefore, 51), entryNew},
		{"a boot that was never met is new", positionAt(modeFollow), entryOf(bootLater, 0), entryNew},

		{"a first reading reads each entry", positionAt(modeFirst), entryOf(bootNow, 101), entryNew},
		{"a first reading reads each entry of one time", positionAt(modeFirst), entryOf(bootNow, 100), entryNew},
		{"a first reading may meet an entry in two files", positionAt(modeFirst), entryOf(bootNow, 99), entryPerhaps},
		{"a search by time may meet what was read", positionAt(modeSeek), entryOf(bootBefore, 49), entryPerhaps},
		{"a search by time counts what has the time of the last entry", positionAt(modeSeek), entryOf(bootNow, 100), entryNew},

		{"a stretch may hold what was missed", positionAt(modeBack), entryOf(bootNow, 100), entryPerhaps},
		{"a stretch may hold the beginning of a boot", positionAt(modeBack), entryOf(bootLater, 1), entryNew},
		{"a stretch that goes on was read up to its cursor", positionAt(modeBack, resuming(bootBefore)), entryOf(bootBefore, 29), entryReached},
		{"the stretch's cursor was read", positionAt(modeBack, resuming(bootBefore)), entryOf(bootBefore, 30), entryReached},
		{"what has the time of the stretch's cursor may be new, but costs nothing", positionAt(modeBack, resumedAt(30)), entryOf(bootBefore, 30), entryReached},
		{"after the stretch's cursor, all may have been missed", positionAt(modeBack, resumedAt(30)), entryOf(bootBefore, 31), entryPerhaps},
		{"if the stretch's cursor is gone, the boot's clock tells where it was", positionAt(modeBack, resuming(bootBefore)), entryOf(bootBefore, 31), entryPerhaps},
		{"in a stretch of all boots, only the cursor tells", positionAt(modeBack, resuming("")), entryOf(bootNow, 31), entryReached},
		{"a first reading goes on in its stretch", positionAt(modeFirst, resuming(bootBefore)), entryOf(bootBefore, 30), entryReached},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := classify(&c.p, c.entry); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// TestNoUnreadEntryIsKnown: an entry of a boot that was not read so far is new in
// each state of a position in which its stretch was not reached, and only following
// leaves facts out.
func TestNoUnreadEntryIsKnown(t *testing.T) {
	t.Parallel()
	for _, m := range []mode{modeFirst, modeFollow, modeSeek, modeBack} {
		for _, awaited := range []string{"", string(entryOf(bootNow, 100).cursor)} {
			for _, same := range []int{0, 1} {
				p := positionAt(m, func(p *position) { p.awaited, p.same = awaited, same })
				for _, boot := range []string{bootNow, bootBefore, bootLater} {
					for monotonic := range int64(200) {
						v := classify(&p, entryOf(boot, monotonic))
						if last, met := p.Boots[boot]; (!met || monotonic > last) != v.isNew() && boot != bootNow {
							t.Errorf("mode %d, awaited %q: %s %d: %s", m, awaited, boot, monotonic, v)
						}
						if last := p.Boots[boot]; v == entryKnown && (m != modeFollow || monotonic > last) {
							t.Errorf("mode %d, awaited %q: %s %d is left out: %s", m, awaited, boot, monotonic, v)
						}
					}
				}
			}
		}
	}
}

func TestBootsDue(t *testing.T) {
	t.Parallel()
	boots := []string{bootBefore, bootNow, bootLater}
	begun := func(p *position) { p.Again = []stretch{{Boot: bootLater}} }
	from := func(p *position) { p.Again = []stretch{{Boot: bootLater, Since: 5}} }
	met := func(p *position) { p.Fresh = []string{bootBefore} }
	for _, c := range []struct {
		name  string
		p     position
		due   []string
		later bool
	}{
		{"a first reading reads each boot", position{mode: modeFirst}, boots, false},
		{"a first reading that goes on leaves new entries of finished boots to the next pass", positionAt(modeFirst), []string{bootLater}, true},
		{"a boot that is begun goes on in its stretch", positionAt(modeFirst, begun), nil, true},
		{"looking back, boots that are not known are read", positionAt(modeBack), []string{bootLater}, false},
		{"looking back, boots that were met while following are read", positionAt(modeBack, met), []string{bootBefore, bootLater}, false},
		{"a stretch from a time on does not read the beginning of a boot", positionAt(modeBack, from), []string{bootLater}, false},
		{"a stretch from the beginning on does", positionAt(modeBack, begun), nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if due, later := c.p.bootsDue(boots); !slices.Equal(due, c.due) || later != c.later {
				t.Errorf("got %v and %v, want %v and %v", due, later, c.due, c.later)
			}
		})
	}
}
