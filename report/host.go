package report

import (
	"cmp"
	"database/sql"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/cis490/fleet-health/store"
)

//go:embed host.sql
var hostSQL string

// Errors of a host's history.
var (
	// ErrUnknownHost: the database knows no host of that name.
	ErrUnknownHost = errors.New("no such host")
	// ErrPruned: the buckets are shorter than an hour, and the raw rows that they would be counted from are gone.
	ErrPruned = errors.New("the raw rows are not kept any more")
)

// hostRow is one bucket of a host's history.
type hostRow struct {
	From          int64          `db:"from_at"` // microseconds
	To            int64          `db:"to_at"`   // microseconds, excluded
	Ships         int64          `db:"ships"`
	Silence       sql.NullInt64  `db:"silence"` // microseconds; NULL without a ship
	Commit        sql.NullString `db:"code_commit"`
	CommitChanges int64          `db:"commit_changes"`
	CommitBefore  sql.NullString `db:"commit_before"` // the last change; NULL without one, "" for none
	Statuses      string         `db:"statuses"`      // "status puts" pairs, with commas between them
	Unstamped     int64          `db:"unstamped"`
	Symptoms      string         `db:"symptoms"` // of the alerts raised, with blanks between them
}

var hostColumns = []column{
	{key: "host"},
	{key: "bucket_start", head: "from"},
	{key: "bucket_end"},
	{key: "blind"},
	{head: "seen"},
	{key: "ships", head: "ships", right: true},
	{key: "puts_2xx", head: "2xx", right: true, drop: 4},
	{key: "puts_4xx", head: "4xx", right: true},
	{key: "puts_5xx", head: "5xx", right: true},
	{key: "statuses"},
	{head: "codes", cut: 7},
	{key: "unstamped", head: "unstamped", right: true, drop: 1},
	{key: "longest_silence_seconds", head: "silence", right: true, drop: 2},
	{key: "code_commit"},
	{key: "commit_changes"},
	{head: "commit", drop: 3},
	{key: "alerts", head: "alerts", cut: 8},
	{key: "clients"},
}

// historyTable writes the history of one host for people.
func historyTable(tx *store.Tx, out io.Writer, s Style, host string, w Window, b Buckets, blindIn []blindness) error {
	rows, sum, err := history(tx, host, w, b, blindIn)
	if err != nil {
		return err
	}
	if err := sayHost(tx, out, s, host, w, b, blindIn); err != nil {
		return err
	}
	if err := list(out, s, hostColumns, rows, sum); err != nil {
		return err
	}
	return sayClients(tx, out, s, host, w, b)
}

// History writes a row per bucket of each host, one after the other: tables
// with a heading each for people, one listing for programs. Buckets come from
// Window.Buckets.
func History(tx *store.Tx, out io.Writer, s Style, hosts []string, w Window, b Buckets) error {
	blindIn, err := blind(tx, Window{b.Bounds[0] - 1, w.Until})
	if err != nil {
		return err
	}
	if s.human() {
		for i, host := range hosts {
			if i > 0 {
				if _, err := io.WriteString(out, "\n"); err != nil {
					return err
				}
			}
			if err := historyTable(tx, out, s, host, w, b, blindIn); err != nil {
				return err
			}
		}
		return nil
	}
	lines, err := newRows(out, s, hostColumns)
	if err != nil {
		return err
	}
	for _, host := range hosts {
		rows, _, err := history(tx, host, w, b, blindIn)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if err := lines.row(row); err != nil {
				return err
			}
		}
	}
	return lines.end(nil)
}

func history(tx *store.Tx, host string, w Window, b Buckets, blindIn []blindness) (rows [][]any, sum []any, err error) {
	id, err := tx.HostID(host)
	if err != nil {
		return nil, nil, err
	}
	if id == 0 {
		return nil, nil, fmt.Errorf("%w: %s", ErrUnknownHost, Cell(host))
	}
	kept, err := tx.RawSince()
	if err != nil {
		return nil, nil, err
	}
	counted, err := b.Counted(w, kept)
	if err != nil {
		return nil, nil, err
	}
	bounds, err := json.Marshal(b.Bounds)
	if err != nil {
		return nil, nil, err
	}
	var found []hostRow
	err = tx.SelectNamed(&found, hostSQL, map[string]any{"host": host, "host_id": id, "bounds": string(bounds), "raw_hour": b.rawHour(counted), "until": w.Until})
	if err != nil {
		return nil, nil, err
	}
	clients, err := hostClients(tx, host, w, b)
	if err != nil {
		return nil, nil, err
	}
	var total tally
	for _, r := range found {
		t := tally{ships: r.Ships, unstamped: r.Unstamped, silence: r.Silence, changes: r.CommitChanges, statuses: statusCounts(r.Statuses),
			alerts: strings.Fields(r.Symptoms), uncounted: putsUnknown(blindIn, r.From, r.To)}
		if len(t.statuses) > 0 {
			t.clients = clientsIn(clients, r.From, r.To)
		}
		blinded := false
		for _, one := range blindIn {
			blinded = blinded || one.overlaps(r.From, r.To)
		}
		total.add(t)
		rows = append(rows, t.row(host, minute(r.From), instant(min(r.To, w.Until)), blinded, nullText(r.Commit), commitShown(r)))
	}
	return rows, total.row(host, "in all", nil, false, nil, changesShown(total.changes)), nil
}

// tally is what a bucket holds, or all of them.
type tally struct {
	ships, unstamped, changes int64
	silence                   sql.NullInt64
	statuses                  counts
	alerts                    words
	clients                   words // addresses; nil if none is known
	uncounted                 bool  // no PUT was understood in a part of the time
}

func (t *tally) add(other tally) {
	t.ships += other.ships
	t.unstamped += other.unstamped
	t.uncounted = t.uncounted || other.uncounted
	t.changes += other.changes
	if other.silence.Valid && other.silence.Int64 >= t.silence.Int64 {
		t.silence = other.silence
	}
	if t.statuses == nil {
		t.statuses = counts{}
	}
	for code, n := range other.statuses {
		t.statuses[code] += n
	}
	t.alerts = append(t.alerts, other.alerts...)
}

// row makes the values of hostColumns.
func (t *tally) row(host string, from, to any, blinded bool, commit any, shown string) []any {
	seen := state("")
	switch {
	case blinded:
		seen = "blind"
	case t.ships == 0 && len(t.statuses) == 0 && t.unstamped == 0:
		seen = "empty"
	}
	class := func(from int) (n int64) {
		for code, puts := range t.statuses {
			if code >= from && code < from+100 {
				n += puts
			}
		}
		return n
	}
	other := counts{}
	for code, puts := range t.statuses {
		if code < 200 || code > 299 {
			other[code] = puts
		}
	}
	var silence any
	if t.silence.Valid {
		silence = seconds(t.silence.Int64 / store.Second)
	}
	noPuts := t.uncounted && len(t.statuses) == 0
	var codes any = other
	if noPuts {
		codes = unknown{}
	}
	return []any{host, from, to, blinded, seen, t.ships, known(class(200), noPuts), known(class(400), noPuts), known(class(500), noPuts),
		t.statuses, codes, known(t.unstamped, noPuts), silence,
		commit, t.changes, shown, alertsShown(t.alerts), t.clients}
}

// statusCounts reads "status puts" pairs.
func statusCounts(pairs string) counts {
	c := counts{}
	for pair := range strings.SplitSeq(pairs, ",") {
		status, puts, _ := strings.Cut(pair, " ")
		if code, err := strconv.Atoi(status); err == nil {
			n, _ := strconv.ParseInt(puts, 10, 64)
			c[code] += n
		}
	}
	return c
}

// alertsShown counts the alerts of each symptom: silent×3.
func alertsShown(symptoms words) words {
	shown := words{}
	n := map[string]int{}
	for _, symptom := range symptoms {
		if n[symptom]++; n[symptom] == 1 {
			shown = append(shown, symptom)
		}
	}
	for i, symptom := range shown {
		if n[symptom] > 1 {
			shown[i] = fmt.Sprintf("%s×%d", symptom, n[symptom])
		}
	}
	return shown
}

func nullText(s sql.NullString) any {
	if !s.Valid {
		return nil
	}
	return s.String
}

// commitShown is a bucket's code commit, and where it changed.
func commitShown(r hostRow) string {
	shown := short(r.Commit.String)
	if r.CommitChanges > 0 {
		shown = cmp.Or(short(r.CommitBefore.String), "none") + "→" + cmp.Or(shown, "none")
	}
	if r.CommitChanges > 1 {
		shown += fmt.Sprintf(" (%d changes)", r.CommitChanges)
	}
	return shown
}

func changesShown(n int64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%d change(s)", n)
}

// short cuts a commit to what git shows of it.
func short(commit string) string {
	if len(commit) > 10 && strings.Trim(commit, "0123456789abcdef") == "" {
		return commit[:10]
	}
	return commit
}

// sayHost writes the heading of a host's history.
func sayHost(tx *store.Tx, out io.Writer, s Style, host string, w Window, b Buckets, blindIn []blindness) error {
	status, err := tx.HostStatus(host)
	if err != nil {
		return err
	}
	last := "never shipped"
	if at := status.LastShipAt; at.Valid && at.Int64 <= w.Until {
		last = fmt.Sprintf("last ship %s, %s before", s.clock(at.Int64), Age(w.Until-at.Int64))
	} else if at.Valid {
		last = "has shipped since"
	}
	parts := []string{Cell(host) + " as of " + s.stamp(w.Until), "a row per " + b.Name, last}
	read, err := tx.ReadUntil()
	if err != nil {
		return err
	}
	if status.OpenSymptoms != "" && w.Until >= read {
		parts = append(parts, "open: "+status.OpenSymptoms)
	}
	return heading(out, s, blindIn, parts...)
}
