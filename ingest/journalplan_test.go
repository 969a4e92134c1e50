package ingest

import (
	"fmt"
	"slices"
	"testing"
)

// The position is in bootNow. bootBefore was read earlier, bootLater was not.
const bootNow, bootBefore, bootLater = "now", "before", "later"

// entryOf returns an entry whose cursor contains its boot and its monotonic time.
func entryOf(boot string, monotonic int64) *entry {
	return &entry{cursor: fmt.Appendf(nil, "s=1;i=1;b=%s;m=%d", boot, monotonic), boot: []byte(boot), at: monotonic + 1, monotonic: monotonic}
}

// positionAt returns a position at monotonic time 100 of bootNow.
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
		{"the cursor's own entry is not read again", positionAt(modeFollow, awaiting), entryOf(bootNow, 100), entryOwn},
		{"an entry of a second file before the cursor's is known", positionAt(modeFollow, awaiting), entryOf(bootNow, 99), entryKnown},
		{"an entry of an earlier boot before the cursor's is known", positionAt(modeFollow, awaiting), entryOf(bootBefore, 50), entryKnown},
		{"an entry after the cursor's shows that the cursor's is gone", positionAt(modeFollow, awaiting), entryOf(bootNow, 101), entryNewOwnGone},
		{"another entry with the cursor's time shows the same", positionAt(modeFollow, awaiting, func(p *position) { p.awaited += "0" }), entryOf(bootNow, 100), entryNewOwnGone},
		{"an entry of an unknown boot before the cursor's shows the same", positionAt(modeFollow, awaiting), entryOf(bootLater, 1), entryNewOwnGone},
		{"entries read with the cursor's time follow the cursor's entry", positionAt(modeFollow, twoMore), entryOf(bootNow, 100), entrySameTime},
		{"a further entry with the cursor's time is new", positionAt(modeFollow), entryOf(bootNow, 100), entryNew},
		{"an entry after the cursor's is new", positionAt(modeFollow, twoMore), entryOf(bootNow, 101), entryNew},
		{"after the cursor's entry, its boot has only new entries, whatever their time", positionAt(modeFollow), entryOf(bootNow, 99), entryNew},
		{"an earlier boot that journalctl prints after the cursor is known", positionAt(modeFollow), entryOf(bootBefore, 49), entryKnown},
		{"an earlier boot that goes on is new", positionAt(modeFollow), entryOf(bootBefore, 51), entryNew},
		{"an unknown boot is new", positionAt(modeFollow), entryOf(bootLater, 0), entryNew},

		{"a first reading reads each entry", positionAt(modeFirst), entryOf(bootNow, 101), entryNew},
		{"a first reading reads each entry of one time", positionAt(modeFirst), entryOf(bootNow, 100), entryNew},
		{"a first reading may find an entry in two files", positionAt(modeFirst), entryOf(bootNow, 99), entryPerhaps},
		{"a search by time may find entries read before", positionAt(modeSeek), entryOf(bootBefore, 49), entryPerhaps},
		{"in a search by time, entries with the time of the last one are new", positionAt(modeSeek), entryOf(bootNow, 100), entryNew},

		{"a stretch may hold entries that were left out", positionAt(modeBack), entryOf(bootNow, 100), entryPerhaps},
		{"a stretch may hold the start of a boot", positionAt(modeBack), entryOf(bootLater, 1), entryNew},
		{"a continued stretch was read up to its cursor", positionAt(modeBack, resuming(bootBefore)), entryOf(bootBefore, 29), entryReached},
		{"the entry at the stretch's cursor was read", positionAt(modeBack, resuming(bootBefore)), entryOf(bootBefore, 30), entryReached},
		{"an entry with the time of the stretch's cursor may be new, but costs nothing", positionAt(modeBack, resumedAt(30)), entryOf(bootBefore, 30), entryReached},
		{"entries after the stretch's cursor may have been left out", positionAt(modeBack, resumedAt(30)), entryOf(bootBefore, 31), entryPerhaps},
		{"if the stretch's cursor is gone, the boot's clock decides", positionAt(modeBack, resuming(bootBefore)), entryOf(bootBefore, 31), entryPerhaps},
		{"in a stretch of all boots, only the cursor decides", positionAt(modeBack, resuming("")), entryOf(bootNow, 31), entryReached},
		{"a first reading continues its stretch", positionAt(modeFirst, resuming(bootBefore)), entryOf(bootBefore, 30), entryReached},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := classify(&c.p, c.entry); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// TestNoUnreadEntryIsKnown: in each mode, an entry past the last one read of its boot is new.
// Only modeFollow treats entries as known.
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
		{"a continued first reading leaves new entries of finished boots to the next pass", positionAt(modeFirst), []string{bootLater}, true},
		{"a boot that was started continues in its stretch", positionAt(modeFirst, begun), nil, true},
		{"looking back, unknown boots are read", positionAt(modeBack), []string{bootLater}, false},
		{"looking back, boots first met while following are read", positionAt(modeBack, met), []string{bootBefore, bootLater}, false},
		{"a stretch from a time on does not read the start of a boot", positionAt(modeBack, from), []string{bootLater}, false},
		{"a stretch from the start on does", positionAt(modeBack, begun), nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if due, later := c.p.bootsDue(boots); !slices.Equal(due, c.due) || later != c.later {
				t.Errorf("got %v and %v, want %v and %v", due, later, c.due, c.later)
			}
		})
	}
}
