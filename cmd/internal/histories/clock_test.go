package histories

import (
	"github.com/cis490/fleet-health/store"
)

// newestModel bounds the time of a source's newest fact that was not ahead of the clock when
// it was read.
type newestModel struct{ least, most int64 }

// count counts the facts of a source that are later than a time, up to another.
func (m *machine) count(source string, from, to int64) (n int) {
	for _, r := range m.stored {
		if r.source() == source && r.at > from && r.at <= to {
			n++
		}
	}
	return n
}

// checkHeldBack checks that the detectors of a source are held back if and only if its facts
// contradict the clock. It returns the symptoms that are held back. checkNoPuts checks
// those that wait for a line that is understood.
func (m *machine) checkHeldBack(p passRead) map[string]bool {
	ahead := p.now + 5*store.Minute
	m.readStamps(p.now)
	held := map[string]bool{}
	for _, symptom := range m.rows("SELECT symptom FROM held_back WHERE reason NOT LIKE '%understood%' AND reason NOT LIKE '%in a gap of the index%'") {
		held[symptom] = true
	}
	if held["fatal-only"] != held["unstamped"] || !p.index && !held["silent"] {
		m.failf("of a source not all is held back, but %v", held)
	}
	for source, symptom := range map[string]string{"index": "silent", "journal": "fatal-only"} {
		least, most, recent := map[string]int{}, map[string]int{}, map[string]int{}
		for source, n := range m.newest {
			most[source], recent[source] = m.count(source, ahead, n.most), m.count(source, p.now-30*store.Minute, ahead)
			if n.least > ahead {
				least[source] = max(1, m.count(source, ahead, n.least))
			}
		}
		if source == "index" && !p.index {
			continue
		}
		must, may := contradicted(source, least, recent), contradicted(source, most, recent)
		if held[symptom] && !may || !held[symptom] && must {
			m.failf("%s is held back: %v; by the clock of %s: ahead are %v to %v, and recent %v", symptom, held[symptom], wall(p.now), least, most, recent)
		}
	}
	m.forgetStamps(p, held)
	return held
}

// contradicted reports whether the facts of a source contradict the clock, and the facts of
// both sources do not support it.
func contradicted(source string, ahead, recent map[string]int) bool {
	outvoted := func(ahead, recent int) bool { return recent == 0 || recent < ahead }
	return ahead[source] > 0 && outvoted(ahead[source], recent[source]) &&
		outvoted(ahead["index"]+ahead["journal"], recent["index"]+recent["journal"])
}

// readStamps records the times of the facts that this pass has stored. A killed pass may
// have compared them with another clock.
func (m *machine) readStamps(now int64) {
	for source, n := range m.newest {
		if m.unclean {
			n.least = 0
		}
		for _, r := range m.stored {
			if r.source() != source {
				continue
			}
			// The fact may have been read again.
			if r.at <= max(now, m.killedAt)+5*store.Minute {
				n.most = max(n.most, r.at)
			}
			if r.at <= now+5*store.Minute && !r.seen && !m.unclean {
				n.least = max(n.least, r.at)
			}
		}
	}
	for _, r := range m.stored {
		r.seen = true
	}
}

// forgetStamps removes the facts that are ahead of the clock once the clock is right.
func (m *machine) forgetStamps(p passRead, held map[string]bool) {
	ahead := p.now + 5*store.Minute
	for source, symptom := range map[string]string{"index": "silent", "journal": "fatal-only"} {
		reached := int64(0)
		for _, r := range m.stored {
			if r.source() == source && r.at <= ahead {
				reached = max(reached, r.at)
			}
		}
		n := m.newest[source]
		switch unsure := source == "index" && !p.index; {
		case unsure && n.least > ahead:
			n.least = 0
		case !unsure && !held[symptom]:
			if n.most > ahead {
				n.most = reached
			}
			n.least = min(n.least, n.most)
		}
	}
}
