package histories

import (
	"slices"
	"strings"
)

// gapsExpected returns the gaps that a pass may find, and those that it must find. A gap is a
// period in which entries may be missing, even if there were none.
func (m *machine) gapsExpected(p passRead) (may, must map[string]bool) {
	may, must = map[string]bool{}, map[string]bool{}
	x, j := &m.index, &m.journal
	if p.index {
		all := true
		for _, g := range x.guesses {
			found := slices.ContainsFunc(x.files(), g.isIn)
			// A copy of the file does not count as the file itself.
			itself := slices.ContainsFunc(x.files(), func(l *indexLog) bool { return !l.copied && g.isIn(l) })
			changed := slices.ContainsFunc(x.files(), func(l *indexLog) bool { return l == g.log && !g.isIn(l) })
			renewed := slices.ContainsFunc(x.files(), func(l *indexLog) bool { return l == g.log && l.gz }) // the program takes it for another file
			may["index"] = may["index"] || g.log != nil && (!itself || changed)
			all = all && len(g.lines) > 0 && (!found || changed && !renewed)
		}
		must["index"] = all
	}
	if !p.index {
		may["index source-unread"], must["index source-unread"] = true, true
	}
	if j.read != nil && !j.has(j.read) {
		may["journal vacuumed"] = true
		must["journal vacuumed"] = !j.unsteady && !j.unsure && len(j.unread()) > 0
	}
	if j.unsteady || j.unsure {
		may["journal vacuumed"] = true
	}
	may["journal clock-step"] = m.stepped
	for _, e := range j.unread() {
		if e.what == "dropped" {
			may["journal rate-limited"], must["journal rate-limited"] = true, true
		}
	}
	if j.unsure || j.unsteady {
		may["journal rate-limited"] = true
	}
	return may, must
}

// checkGaps compares the new gaps with the expected ones, and checks that every lost record
// is in one of them.
func (m *machine) checkGaps(may, must map[string]bool, p passRead, newEntries bool) {
	j := &m.journal
	found, known := map[string]bool{}, map[string]bool{}
	type window struct{ source, from, to string }
	var windows []window
	for _, row := range m.rows("SELECT source || ' ' || reason || ' ' || from_at || ' ' || to_at || ' ' || COALESCE(recovered_at, 'open') FROM gap_log") {
		f := strings.Fields(row)
		if f[0] == "index" && f[1] != "source-unread" && !p.index && len(m.index.guesses) > 1 {
			continue // a killed pass may have found it; the next pass that reads the index decides
		}
		isNew := !m.gaps[row]
		m.gaps[row] = true
		known[f[0]+" "+f[1]] = true
		if f[1] == "source-unread" {
			if f[4] == "open" {
				found[f[0]+" source-unread"] = true
			}
			continue
		}
		if !isNew || f[1] == "not-understood" { // checkNoPuts checks these
			continue
		}
		windows = append(windows, window{f[0], f[2], f[3]})
		name := f[0] + " " + f[1]
		if f[0] == "index" {
			name = "index"
		}
		if !may[name] {
			m.failf("gap %s, though nothing could be missed", row)
		}
		found[name] = true
	}
	if found["index source-unread"] && p.index || found["journal source-unread"] {
		m.failf("a source was read, and its gap is open")
	}
	for name := range must {
		// If the clock went back, the gap may lie within a stored one.
		within := m.stepped && known[name]
		if must[name] && !found[name] && !within && !m.unclean {
			m.failf("no gap of %s", name)
		}
	}
	for _, r := range m.written {
		if r.table == "" || !r.whole || r.needed || r.lost || slices.Contains(m.stored, r) || slices.Contains(m.words, r) {
			continue
		}
		if r.source() == "index" && !p.index || r.source() == "journal" && !newEntries {
			continue // no pass can know it yet
		}
		r.lost = true
		if r.source() == "index" && !must["index"] || r.source() == "journal" && j.read == nil {
			continue // it was written and deleted between two passes, and left no trace
		}
		covered := slices.ContainsFunc(windows, func(w window) bool {
			return w.source == r.source() && (m.stepped || w.from <= wall(r.at) && wall(r.at) <= w.to)
		})
		if !covered {
			m.failf("%s %s was lost, and no gap says so: %v", r.table, r, windows)
		}
	}
}
