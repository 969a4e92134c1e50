package histories

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cis490/fleet-health/cmd/internal/fleettest"
	"github.com/cis490/fleet-health/store"
)

// machine is a receiver's, with its index, its journal, its clock, and the files
// that passes write; and what the model knows of all that.
type machine struct {
	t                 *testing.T
	r                 *rand.Rand // of the step at hand
	dir               string
	clock, rightClock int64 // microseconds
	stamped           map[int64]bool
	written           []*record
	stored            []*record // those of them that the last good pass has left in the database
	index             indexModel
	journal           journalModel
	alerts            alertsModel
	hosts             map[string]*hostModel
	newest            map[string]*newestModel // by source
	gaps              map[string]bool         // those that a good pass has left
	stepped           bool                    // the clock was, at some time
	unclean           bool                    // a pass was killed since the last good one
	older             bool                    // the database has an older schema
	kills             int
	killedAt          int64     // the latest clock of a pass that was killed since then
	view              *store.Tx // of the database, while it is compared
	readerDB          *sql.DB
	reader            *sql.Tx // of an operator, nil for none
}

// fault is a panic's value: what is wrong after a step.
type fault string

func (m *machine) failf(format string, args ...any) { panic(fault(fmt.Sprintf(format, args...))) }

func (m *machine) check(err error) {
	if err != nil {
		m.failf("%v", err)
	}
}

// same fails if two sets differ.
func (m *machine) same(what string, want, got []string) {
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) {
		m.failf("%s has\n  %s\nwant\n  %s", what, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func newMachine(t *testing.T, dir string) *machine {
	m := &machine{t: t, dir: dir, clock: fleettest.Now.UnixMicro(), stamped: map[int64]bool{}, gaps: map[string]bool{}, hosts: map[string]*hostModel{},
		newest: map[string]*newestModel{"index": {}, "journal": {}}}
	m.rightClock = m.clock
	m.alerts = alertsModel{required: map[string]bool{}, allowed: map[string]bool{}, removed: map[string]bool{}, ahead: map[string]bool{}}
	m.check(os.Mkdir(dir+"/journal", 0o755))
	m.newIndex()
	m.index.guesses = []guess{{}}
	m.newJournalFile()
	return m
}

func (m *machine) db() string { return m.dir + "/fleet.db" }

func (m *machine) hasDatabase() bool {
	return m.index.guesses[0].log != nil
}

func (m *machine) host() string { return fmt.Sprintf("lab-%d", m.r.IntN(4)) }

func wall(us int64) string { return time.UnixMicro(us).UTC().Format("2006-01-02T15:04:05.000000Z") }

// wait lets some time go by, mostly minutes.
func (m *machine) wait() {
	step := 1 + m.r.Int64N(12*store.Minute)
	if m.r.IntN(6) == 0 {
		step = m.r.Int64N(3 * store.Hour)
	}
	m.clock += step
	m.rightClock += step
}

// stamp is a time that no other record has.
func (m *machine) stamp() int64 {
	step := 1 + m.r.Int64N(store.Second)
	for m.stamped[m.clock+step] {
		step++
	}
	m.clock += step
	m.rightClock += step
	m.stamped[m.clock] = true
	return m.clock
}

// record is something that was written to a source once.
type record struct {
	table      string // ships, puts, rejections; "" for what is no fact
	at         int64
	host, what string // what is a commit, a status, or a reason
	text       string // the line, or the entry
	whole      bool   // it stands, or stood, somewhere with its end
	needed     bool   // a good pass has been able to read it
	seen       bool   // a good pass has met it in the database, and knows its stamp
	lost       bool   // a good pass has come too late for it
}

// String is the record as the views show it.
func (r *record) String() string { return wall(r.at) + " " + r.host + " " + r.what }

func (r *record) source() string {
	if r.table == "ships" {
		return "index"
	}
	return "journal"
}
