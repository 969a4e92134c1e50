package histories

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/cis490/fleet-health/cmd/internal/fleettest"
	"github.com/cis490/fleet-health/store"
)

// journalFile is a file of the journal, with real entries.
type journalFile struct {
	path    string
	entries []*record
}

// journalModel models the journal.
type journalModel struct {
	files     []*journalFile // oldest first
	made      int
	boot      int
	monotonic int64
	unwritten []*record // entries that are not written to the newest file yet
	read      *record   // the last entry that a good pass has read
	unsteady  bool      // the clock stepped, or the machine booted: journald decides which entry is the last
	unsure    bool      // a killed pass may have read on, and no pass has read an entry since
}

func (j *journalModel) newest() *journalFile { return j.files[len(j.files)-1] }

func (m *machine) newJournalFile() {
	j := &m.journal
	j.made++
	j.files = append(j.files, &journalFile{path: fmt.Sprintf("%s/journal/%03d.journal", m.dir, j.made)})
}

// log writes entries, most of them about PUTs.
func (m *machine) log() {
	for range 1 + m.r.IntN(12) {
		m.logOne(m.host())
	}
	if m.r.IntN(3) == 0 { // one host fails for a while
		host := m.host()
		for range 11 {
			m.logOne(host)
		}
	}
}

func (m *machine) logOne(host string) {
	j := &m.journal
	e := &record{table: "puts", at: m.stamp(), host: host, whole: true}
	unit, message := "cis490-receiver.service", ""
	about := ""
	switch m.r.IntN(14) {
	case 12:
		e.table, e.host, e.what = "unit_states", "", "started"
		unit, about, message = "init.scope", "_PID=1\nUNIT=cis490-receiver.service\nMESSAGE_ID=39f53479d3a045ac8e11786248231fbf\n", "Started cis490-receiver.service."
	case 13:
		e.table, e.host, e.what = "receiver_errors", "", fmt.Sprint("error no. ", m.r.IntN(5))
		message = "ERROR:    " + e.what
	case 0:
		e.table, e.what = "rejections", "unstamped"
		message = "WARNING host=" + host + " missing X-Cis490-Code-Commit"
	case 1:
		e.table, e.what = "rejections", "other"
		message = "WARNING host=" + host + " the disk is slow"
	case 2:
		e.table, unit, message = "", "other.service", "nothing"
	default:
		e.what = []string{"200", "412", "412", "412", "412", "500"}[m.r.IntN(6)]
		message = fmt.Sprintf(`10.0.0.1:5 - "PUT /v1/episodes/%s/e%d HTTP/1.1" %s`, host, e.at, e.what)
	}
	extra := ""
	if m.r.IntN(60) == 0 {
		e.table, e.host, e.what, about, unit, message = "", host, "dropped", "", "cis490-receiver.service", "Suppressed 12 messages"
		extra = "MESSAGE_ID=a596d6fe7bfa4994828e72309e95d61e\nN_DROPPED=12\nOBJECT_SYSTEMD_UNIT=cis490-receiver.service\n"
	}
	j.monotonic += 1 + m.r.Int64N(store.Second)
	e.text = fleettest.JournalEntry(e.at, j.monotonic, j.boot, "_SYSTEMD_UNIT="+unit+"\n"+about+extra+"MESSAGE="+message)
	if about != "" {
		e.text = strings.Replace(e.text, "_PID=77\n", "", 1)
	}
	m.written = append(m.written, e)
	j.unwritten = append(j.unwritten, e)
}

// flush writes the entries to the newest file.
func (m *machine) flush() {
	j := &m.journal
	if len(j.unwritten) == 0 {
		return
	}
	m.writeJournal(j.newest(), j.unwritten)
	j.unwritten = nil
}

func (m *machine) writeJournal(f *journalFile, entries []*record) {
	var b bytes.Buffer
	for _, e := range entries {
		b.WriteString(e.text)
	}
	fleettest.WriteJournal(m.t, f.path, b.Bytes())
	f.entries = append(f.entries, entries...)
}

// renumberJournal copies the entries to a new file, as journald does when it moves from /run
// to /var.
func (m *machine) renumberJournal() {
	m.flush()
	if old := m.journal.newest(); len(old.entries) > 0 {
		m.journal.files = m.journal.files[:len(m.journal.files)-1]
		m.newJournalFile()
		m.writeJournal(m.journal.newest(), old.entries)
		m.check(os.Remove(old.path))
	}
}

func (m *machine) rotateJournal() {
	m.flush()
	if len(m.journal.newest().entries) > 0 {
		m.newJournalFile()
	}
}

// vacuum deletes the oldest files, even if they were not read.
func (m *machine) vacuum() {
	m.flush()
	j := &m.journal
	for range m.r.IntN(len(j.files)) {
		m.check(os.Remove(j.files[0].path))
		j.files = j.files[1:]
	}
}

func (m *machine) reboot() {
	m.rotateJournal()
	m.journal.boot++
	m.journal.monotonic = store.Second
	m.journal.unsteady = true
}

// stepClock sets the clock wrong, or right again.
func (m *machine) stepClock() {
	m.flush()
	m.stepped, m.journal.unsteady = true, true
	switch m.r.IntN(4) {
	case 0:
		m.clock = m.rightClock
	case 1:
		m.clock += m.r.Int64N(600*24*store.Hour) - 100*24*store.Hour
	default:
		m.clock += m.r.Int64N(8*store.Hour) - 5*store.Hour
	}
}

// has reports whether the journal still has an entry.
func (j *journalModel) has(e *record) bool {
	return slices.ContainsFunc(j.files, func(f *journalFile) bool { return slices.Contains(f.entries, e) })
}

// unread returns the entries of the unit after the last one that was read.
func (j *journalModel) unread() (entries []*record) {
	for _, f := range j.files {
		for _, e := range f.entries {
			if !e.needed && (e.table != "" || e.what == "dropped") {
				entries = append(entries, e)
			}
		}
	}
	return entries
}
