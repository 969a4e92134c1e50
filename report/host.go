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
	// ErrUnknownHost means that the database has no host of that name.
	ErrUnknownHost = errors.New("no such host")
	// ErrPruned means that buckets of less than an hour need raw rows that are pruned.
	ErrPruned = errors.New("the raw rows are not kept any more")
)

// hostRow is a row of a host's history: a bucket, or the sum of all buckets.
type hostRow struct {
	*tally
	host       string
	from, to   value // times; for the sum, a text and nil
	blinded    bool
	commitText string
}

var hostColumns = []column[hostRow]{
	{key: "host", of: func(r hostRow) value { return r.host }},
	{key: "bucket_start", head: "from", of: func(r hostRow) value { return r.from }},
	{key: "bucket_end", of: func(r hostRow) value { return r.to }},
	{key: "blind", of: func(r hostRow) value { return r.blinded }},
	{head: "seen", of: func(r hostRow) value { return r.seen() }},
	{key: "ships", head: "ships", right: true, of: func(r hostRow) value { return r.ships }},
	{key: "puts_2xx", head: "2xx", right: true, drop: 4, of: func(r hostRow) value { return known(r.statuses.class(2), r.noPuts()) }},
	{key: "puts_4xx", head: "4xx", right: true, of: func(r hostRow) value { return known(r.statuses.class(4), r.noPuts()) }},
	{key: "puts_5xx", head: "5xx", right: true, of: func(r hostRow) value { return known(r.statuses.class(5), r.noPuts()) }},
	{key: "statuses", of: func(r hostRow) value { return r.statuses }},
	{head: "codes", cut: 7, of: func(r hostRow) value { return r.codes() }},
	{key: "unstamped", head: "unstamped", right: true, drop: 1, of: func(r hostRow) value { return known(r.unstamped, r.noPuts()) }},
	{key: "longest_silence_seconds", head: "silence", right: true, drop: 2, of: func(r hostRow) value { return r.silent() }},
	{key: "code_commit", of: func(r hostRow) value { return nullText(r.commit) }},
	{key: "commit_changes", of: func(r hostRow) value { return r.changes }},
	{head: "commit", drop: 3, of: func(r hostRow) value { return r.commitText }},
	{key: "alerts", head: "alerts", cut: 8, of: func(r hostRow) value { return alertsShown(r.alerts) }},
	{key: "clients", of: func(r hostRow) value { return r.clients }},
}

// History writes the buckets of each host, one row per bucket. People get a table with a
// heading for each host, programs one listing. Window.Buckets makes the buckets.
func History(tx *store.Tx, out io.Writer, s Style, hosts []string, w Window, b Buckets) error {
	blindIn, err := blind(tx, Window{b.Bounds[0] - 1, w.Until})
	if err != nil {
		return err
	}
	documents := make([]document, len(hosts))
	for i, host := range hosts {
		h := &hostHistory{tx: tx, style: s, host: host, window: w, buckets: b, blindIn: blindIn, total: tally{statuses: counts{}}}
		documents[i] = document{table: tableOf(hostColumns, h.rows), above: h.above, below: h.below}
		documents[i].sum = h.sum
	}
	return render(out, s, documents...)
}

// hostHistory is the document of one host. The rows are read while they are written.
type hostHistory struct {
	tx        *store.Tx
	style     Style
	host      string
	window    Window
	buckets   Buckets
	blindIn   []blindness
	incidents []hostIncident // filled by above
	// Filled by rows, read by sum and below.
	total   tally
	clients []store.ClientHour
}

func (h *hostHistory) rows(row func(hostRow) error) error {
	tallies, err := tallied(h.tx, h.host, h.window, h.buckets)
	if err != nil {
		return err
	}
	if h.clients, err = hostClients(h.tx, h.host, h.window, h.buckets); err != nil {
		return err
	}
	for i := range tallies {
		t, from, to := &tallies[i], h.buckets.Bounds[i], h.buckets.Bounds[i+1]
		t.uncounted = putsUnknown(h.blindIn, from, to)
		if len(t.statuses) > 0 {
			t.clients = clientsIn(h.clients, from, to)
		}
		h.total.add(t)
		blinded := slices.ContainsFunc(h.blindIn, func(b blindness) bool { return b.overlaps(from, to) })
		if err := row(hostRow{t, h.host, minute(from), timestamp(min(to, h.window.Until)), blinded, t.commitShown()}); err != nil {
			return err
		}
	}
	return nil
}

func (h *hostHistory) sum() []value {
	return valuesOf(hostColumns, hostRow{tally: &h.total, host: h.host, from: "in all", commitText: changesShown(h.total.changes)})
}

func (h *hostHistory) above() (a above, err error) {
	status, err := h.tx.HostStatus(h.host)
	if err != nil {
		return a, err
	}
	s, until := h.style, h.window.Until
	last := "never shipped"
	if at := status.LastShipAt; at.Valid && at.Int64 <= until {
		last = fmt.Sprintf("last ship %s, %s before", s.clock(at.Int64), Age(until-at.Int64))
	} else if at.Valid {
		last = "has shipped since"
	}
	parts := []string{Cell(h.host) + " as of " + s.stamp(until), "a row per " + h.buckets.Name, last}
	if h.incidents, err = hostIncidents(h.tx, h.host, until); err != nil {
		return a, err
	}
	var open words
	for _, i := range h.incidents {
		if i.openAt(until) && i.Subject == h.host {
			open = append(open, i.Symptom)
		}
	}
	if len(open) > 0 {
		parts = append(parts, "open: "+strings.Join(open, " "))
	}
	set, err := settingsOf(h.tx, h.host, until)
	if err != nil {
		return a, err
	}
	if set != "" {
		parts = append(parts, "set: "+set)
	}
	return above{heading: parts, blind: h.blindIn}, nil
}

func (h *hostHistory) below(p page) (string, error) {
	return sharedName(clientSets(h.clients), p, h.style.zone()) + incidentLines(h.incidents, h.window.Until, p, h.style), nil
}

// tally has the counts of a bucket, or of all buckets.
type tally struct {
	ships, unstamped int64
	silence          sql.NullInt64  // the longest silence in microseconds; NULL without a ship
	changes          int64          // of the code commit
	commit, before   sql.NullString // the last commit, and the one before its last change; NULL for none
	statuses         counts         // PUTs
	alerts           words          // the symptoms of the alerts that were raised
	clients          words          // addresses; nil if none is known
	uncounted        bool           // PUTs were not understood in a part of the time
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

// noPuts reports whether the PUTs of the host are unknown.
func (t *tally) noPuts() bool { return t.uncounted && len(t.statuses) == 0 }

// seen tells why a row may have no figures; "" if it has some.
func (r hostRow) seen() state {
	switch {
	case r.blinded:
		return "blind"
	case r.ships == 0 && len(r.statuses) == 0 && r.unstamped == 0:
		return "empty"
	}
	return ""
}

// codes returns the status codes of PUTs that were not accepted.
func (t *tally) codes() value {
	if t.noPuts() {
		return unknown{}
	}
	other := counts{}
	for code, puts := range t.statuses {
		if code < 200 || code > 299 {
			other[code] = puts
		}
	}
	return other
}

func (t *tally) silent() value {
	if !t.silence.Valid {
		return nil
	}
	return seconds(t.silence.Int64 / store.Second)
}

// alertsShown returns each symptom once, with its count if that is more than one, such
// as silent×3.
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

func nullText(s sql.NullString) value {
	if !s.Valid {
		return nil
	}
	return s.String
}

// commitShown returns the code commit of a bucket, or its last change.
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

// short cuts a commit hash to ten digits. It returns other texts as they are.
func short(commit string) string {
	if len(commit) > 10 && strings.Trim(commit, "0123456789abcdef") == "" {
		return commit[:10]
	}
	return commit
}
