package report

import (
	"cmp"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/cis490/fleet-health/store"
)

// Errors of a host's history.
var (
	// ErrUnknownHost: the database knows no host of that name.
	ErrUnknownHost = errors.New("no such host")
	// ErrPruned: the buckets are shorter than an hour, and the raw rows that they would be counted from are gone.
	ErrPruned = errors.New("the raw rows are not kept any more")
)

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
	tallies, err := tallied(tx, host, w, b)
	if err != nil {
		return nil, nil, err
	}
	clients, err := hostClients(tx, host, w, b)
	if err != nil {
		return nil, nil, err
	}
	total := tally{statuses: counts{}}
	for i := range tallies {
		t, from, to := &tallies[i], b.Bounds[i], b.Bounds[i+1]
		t.uncounted = putsUnknown(blindIn, from, to)
		if len(t.statuses) > 0 {
			t.clients = clientsIn(clients, from, to)
		}
		blinded := slices.ContainsFunc(blindIn, func(one blindness) bool { return one.overlaps(from, to) })
		total.add(t)
		rows = append(rows, t.row(host, minute(from), instant(min(to, w.Until)), blinded, nullText(t.commit), t.commitShown()))
	}
	return rows, total.row(host, "in all", nil, false, nil, changesShown(total.changes)), nil
}

// tally is what a bucket holds, or all of them.
type tally struct {
	ships, unstamped int64
	silence          sql.NullInt64  // the longest, in microseconds; NULL without a ship
	changes          int64          // of the code commit
	commit, before   sql.NullString // the last commit, and that before the last change; NULL for none
	statuses         counts         // PUTs
	alerts           words          // symptoms of those raised
	clients          words          // addresses; nil if none is known
	uncounted        bool           // no PUT was understood in a part of the time
}

func (t *tally) add(other *tally) {
	t.ships += other.ships
	t.unstamped += other.unstamped
	t.uncounted = t.uncounted || other.uncounted
	t.changes += other.changes
	if other.silence.Valid && other.silence.Int64 >= t.silence.Int64 {
		t.silence = other.silence
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
	return []any{host, from, to, blinded, seen, t.ships, known(t.statuses.class(2), noPuts), known(t.statuses.class(4), noPuts), known(t.statuses.class(5), noPuts),
		t.statuses, codes, known(t.unstamped, noPuts), silence,
		commit, t.changes, shown, alertsShown(t.alerts), t.clients}
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

// commitShown is the code commit of a bucket, and where it changed.
func (t *tally) commitShown() string {
	shown := short(t.commit.String)
	if t.changes > 0 {
		shown = cmp.Or(short(t.before.String), "none") + "→" + cmp.Or(shown, "none")
	}
	if t.changes > 1 {
		shown += fmt.Sprintf(" (%d changes)", t.changes)
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
