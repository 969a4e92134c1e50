package report

import (
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"sort"

	"github.com/cis490/fleet-health/store"
)

// The queries of a host's history. Each returns one kind of fact.
var (
	//go:embed hostbefore.sql
	hostBeforeSQL string
	//go:embed hostships.sql
	hostShipsSQL string
	//go:embed hostputs.sql
	hostPutsSQL string
	//go:embed hostunstamped.sql
	hostUnstampedSQL string
	//go:embed hostalerts.sql
	hostAlertsSQL string
)

// stretch is a run of consecutive ships of a host: all of an hour, or a single one.
// Times and silences are in microseconds. A commit's id is 0 for none.
type stretch struct {
	Ships          int64 `db:"ships"`
	FirstAt        int64 `db:"first_at"`
	LastAt         int64 `db:"last_at"`
	LineHash       int64 `db:"line_hash"` // orders ships of one time
	LongestSilence int64 `db:"longest_gap"`
	FirstCommit    int64 `db:"first_commit_id"`
	LastCommit     int64 `db:"last_commit_id"`
	Changes        int64 `db:"commit_changes"` // within the stretch
}

// tallied counts the facts of a host in each bucket. The errors include ErrUnknownHost
// and ErrPruned.
func tallied(tx *store.Tx, host string, w Window, b Buckets) ([]tally, error) {
	id, err := tx.HostID(host)
	if err != nil {
		return nil, err
	}
	if id == 0 {
		return nil, fmt.Errorf("%w: %s", ErrUnknownHost, Cell(host))
	}
	horizon, err := tx.RawSince()
	if err != nil {
		return nil, err
	}
	window, err := b.Counted(w, horizon)
	if err != nil {
		return nil, err
	}
	tallies := make([]tally, len(b.Bounds)-1)
	for i := range tallies {
		tallies[i].statuses = counts{}
	}
	in := func(at int64) *tally { return &tallies[b.at(at)] }
	params := map[string]any{"host": host, "host_id": id, "from_at": b.Bounds[0], "raw_hour": b.rawHour(window), "until": w.Until}
	err = errors.Join(
		tallyShips(tx, tallies, b, params, w.Until),
		eachCount(tx, hostPutsSQL, params, func(c factCount) { in(c.of).statuses[int(c.kind)] += c.n }),
		eachCount(tx, hostUnstampedSQL, params, func(c factCount) { in(c.of).unstamped += c.n }),
		tallyAlerts(tx, in, params))
	return tallies, err
}

// at returns the index of the bucket that holds a time in microseconds, or -1 if the time
// is before the first bucket. A time after the last bucket belongs to the last one: if the
// bucket ends in a pruned hour, it counts the whole hour.
func (b Buckets) at(at int64) int {
	return sort.Search(len(b.Bounds)-1, func(i int) bool { return b.Bounds[i] > at }) - 1
}

// tallyShips counts ships, silences, and changes of the code commit. A silence belongs to
// the bucket of the ship before it, and ends at the next ship or at until. The ships
// before the first bucket are read because the commit may have changed since then.
func tallyShips(tx *store.Tx, tallies []tally, b Buckets, params map[string]any, until int64) error {
	var before, s stretch
	known := false // there is a stretch before
	names := commitNames{}
	silent := func(to int64) {
		if i := b.at(before.FirstAt); known && i >= 0 {
			t := &tallies[i]
			t.silence = sql.NullInt64{Int64: max(t.silence.Int64, before.LongestSilence, to-before.LastAt), Valid: true}
		}
	}
	follow := func() (err error) {
		silent(s.FirstAt)
		if i := b.at(s.FirstAt); i >= 0 {
			t := &tallies[i]
			t.ships += s.Ships
			err = t.changed(tx, names, before, known, s)
		}
		before, known = s, true
		return err
	}
	for _, query := range []string{hostBeforeSQL, hostShipsSQL} {
		if err := tx.EachNamed(&s, query, params, follow); err != nil {
			return err
		}
	}
	silent(until)
	return nil
}

// changed counts the changes of the code commit in a stretch, and since the stretch
// before if that is known.
func (t *tally) changed(tx *store.Tx, names commitNames, before stretch, known bool, s stretch) (err error) {
	changes := s.Changes
	if known && s.FirstCommit != before.LastCommit {
		changes++
	}
	if changes > 0 {
		from := before.LastCommit
		if s.Changes > 0 {
			from = s.FirstCommit
		}
		if t.before, err = names.of(tx, from); err != nil {
			return err
		}
	}
	t.changes += changes
	t.commit, err = names.of(tx, s.LastCommit)
	return err
}

// commitNames caches the names of code commits, by id.
type commitNames map[int64]sql.NullString

// of returns the name of a code commit, NULL for the id 0.
func (c commitNames) of(tx *store.Tx, id int64) (name sql.NullString, err error) {
	name, ok := c[id]
	if !ok {
		err = tx.Get(&name, "SELECT (SELECT name FROM code_commits WHERE id = ?)", id)
		c[id] = name
	}
	return name, err
}

// tallyAlerts adds the symptoms of the alerts that were raised in each bucket.
func tallyAlerts(tx *store.Tx, in func(at int64) *tally, params map[string]any) error {
	var raised struct {
		At      int64  `db:"detected_at"`
		Symptom string `db:"symptom"`
	}
	return tx.EachNamed(&raised, hostAlertsSQL, params, func() error {
		t := in(raised.At)
		t.alerts = append(t.alerts, raised.Symptom)
		return nil
	})
}
