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

// machine is a receiver with its index, its journal, its clock, and the files that passes
// write. It also has the model of all of these.
type machine struct {
	t                 *testing.T
	r                 *rand.Rand // of the current step
	dir               string
	clock, rightClock int64 // microseconds
	stamped           map[int64]bool
	written           []*record
	stored            []*record // the records about hosts that the last good pass left in the database
	words             []*record // those about the receiver
	index             indexModel
	journal           journalModel
	alerts            alertsModel
	newest            map[string]*newestModel // by source
	gaps              map[string]bool         // the gaps that a good pass left
	stepped           bool                    // the clock has stepped at some time
	unclean           bool                    // a pass was killed since the last good one
	older             bool                    // the database has an older schema
	upgraded          bool                    // the database had an older schema
	again             int                     // how often its passes judged again
	kills             int
	killedAt          int64     // the latest clock of a pass that was killed since the last good one
	view              *store.Tx // a view of the database while it is compared
	readerDB          *sql.DB
	reader            *sql.Tx // an operator's read transaction; nil for none
}

// fault is the value of a panic. It describes the error after a step.
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
	m := &machine{t: t, dir: dir, clock: fleettest.Now.UnixMicro(), stamped: map[int64]bool{}, gaps: map[string]bool{},
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

// wait advances the clock, mostly by minutes.
func (m *machine) wait() {
	step := 1 + m.r.Int64N(12*store.Minute)
	if m.r.IntN(6) == 0 {
		step = m.r.Int64N(3 * store.Hour)
	}
	m.clock += step
	m.rightClock += step
}

// stamp returns a time that no other record has.
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

// record is a record that was written to a source once.
type record struct {
	table      string // ships, puts, rejections, unit_states or receiver_errors; "" for a record that is not a fact
	at         int64
	host, what string // what is a commit, a status, a reason, a state or a text
	text       string // the line, or the entry
	whole      bool   // a file has, or had, the whole line
	needed     bool   // a good pass was able to read it
	seen       bool   // the model has seen it in the database after a good pass
	lost       bool   // it was deleted before a good pass could read it
	forgotten  bool   // an older program, whose schema has no such table, took over the database
}

// String returns the record as the views show it.
func (r *record) String() string { return wall(r.at) + " " + r.host + " " + r.what }

// isWord reports whether a record is about the receiver, and not about a host.
func (r *record) isWord() bool { return r.table == "unit_states" || r.table == "receiver_errors" }

func (r *record) source() string {
	if r.table == "ships" {
		return "index"
	}
	return "journal"
}
