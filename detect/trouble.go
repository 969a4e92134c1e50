package detect

import (
	"cmp"
	"fmt"
	"maps"
	"math/bits"
	"slices"

	"github.com/cis490/fleet-health/store"
	"github.com/cis490/fleet-health/store/isotime"
)

// Symptoms of a host's incident beyond those of the first three detectors.
const (
	Silent   = "silent"
	Rejected = "rejected"
	Partial  = "partial"
	Flapping = "flapping"
	Overdue  = "overdue" // in alerts.jsonl: silent for longer than is normal for the host
)

// trouble is what is wrong with one subject as of one pass. Times are microseconds.
type trouble struct {
	subject, symptom string
	alert            string // the symptom in alerts.jsonl if it differs
	beganAt          int64
	figure           int64 // how bad it is
	detail, fix      string
	query            string
	hosts            []string // of a group or the receiver, by name
	quiet            bool     // the host sends nothing
	overdueAt        int64    // when a silence became longer than is normal; 0 if that is not known
	server           bool     // it sends, and is answered with 5xx alone
	status           int64    // the last status that it got; 0 if it is quiet
	lost             bool     // it has been quiet for longer than the lookback
	early            bool     // it may become one of a group: it is not said yet
	madeUp           bool     // the host never shipped, so anybody may have invented its name
}

// quietRow is a row of overdue.sql.
type quietRow struct {
	Host       string `db:"host"`
	ShipAt     int64  `db:"ship_at"`
	HeardAt    int64  `db:"heard_at"`
	QuietFrom  int64  `db:"quiet_from"`
	Waits      bool   `db:"waits"`
	InGap      bool   `db:"in_gap"`        // it may have shipped in a gap of the index since
	Limit      int64  `db:"silence_limit"` // 0 if its rhythm is not known
	RateNow    int64  `db:"rate_now"`      // ships in the hour, in thousandths, as the worths are
	ShipWorth  int64  `db:"ship_worth"`
	HeardWorth int64  `db:"heard_worth"`
}

// failingRow is a row of failing.sql.
type failingRow struct {
	Host         string `db:"host"`
	ShipAt       int64  `db:"ship_at"`
	AcceptedAt   int64  `db:"accepted_at"`
	FailedAt     int64  `db:"failed_at"`
	FailingSince int64  `db:"failing_since"`
	First4xx     int64  `db:"first_4xx_at"`
	Failed4xx    int64  `db:"failed_4xx"`
	Failed5xx    int64  `db:"failed_5xx"`
	Status       int64  `db:"status"`
	Recent       int64  `db:"recent"`
	ExpectedFrom int64  `db:"expected_from"`
	Slow         bool   `db:"slow"` // it is known to ship less than once an hour
}

// hostFacts is all that is known about a host which may be in trouble.
type hostFacts struct {
	host             string
	t                *Thresholds // its own
	quiet            *quietRow
	failing          *failingRow
	fatal, unstamped *Finding
	flapping         *flappingRow
}

// flappingRow is a row of flapping.sql.
type flappingRow struct {
	Host    string `db:"host"`
	Pauses  int64  `db:"pauses"`
	BeganAt int64  `db:"began_at"` // microseconds
}

// survey collects the facts about the hosts that may be in trouble, by name.
type survey struct {
	t     Thresholds
	own   own
	now   int64
	index bool // the index can be judged
	puts  bool // the PUTs can be judged
	hosts map[string]*hostFacts
	names []string // in order
	kept  room
	more  int // facts about hosts that are not kept
	// messages are the receiver's last ones about hosts, by their names.
	messages map[string]string
}

// keep adds a fact about a host. If there is no room for more hosts it only counts: a fleet has
// fewer, but anybody may have invented a million names.
func (s *survey) keep(name string, add func(*hostFacts)) {
	h := s.hosts[name]
	switch {
	case h == nil && !s.kept.takes(name):
		s.more++
		return
	case h == nil:
		h = &hostFacts{host: name, t: s.own.of(name, &s.t)}
		s.hosts[name] = h
	}
	add(h)
}

// surveyHosts reads the facts about hosts that are quiet or failing.
func surveyHosts(tx *store.Tx, t Thresholds, read Sources, judgments []Judgment, now int64) (s *survey, err error) {
	s = &survey{t: t, now: now, index: read.indexRead(), puts: read.journalRead(), hosts: map[string]*hostFacts{}}
	if s.own, err = readOwn(tx, now); err != nil {
		return nil, err
	}
	if s.index {
		err := eachRow(tx, t.params(now), func(r quietRow) {
			// Others are quiet, but not for longer than is normal.
			if r.Waits || r.InGap || s.overdue(s.own.of(r.Host, &t), &r, r.ShipWorth, r.QuietFrom) {
				s.keep(r.Host, func(h *hostFacts) { h.quiet = &r })
			}
		}, "quiet_hosts.sql", "overdue.sql")
		if err != nil {
			return nil, err
		}
		if err := eachRow(tx, t.params(now), func(r flappingRow) { s.keep(r.Host, func(h *hostFacts) { h.flapping = &r }) }, "flapping.sql"); err != nil {
			return nil, err
		}
	}
	if s.puts {
		failing := false
		err := eachRow(tx, t.params(now), func(r failingRow) {
			s.keep(r.Host, func(h *hostFacts) { h.failing = &r })
			failing = failing || r.Failed4xx > 0
		}, "failing.sql")
		if err == nil && failing {
			s.messages, err = tx.LastMessages(now - store.Hour)
		}
		if err != nil {
			return nil, err
		}
	}
	for _, v := range judgments {
		for _, f := range v.Findings {
			switch v.Symptom {
			case "fatal-only":
				s.keep(f.Host, func(h *hostFacts) { h.fatal = &f })
			case "unstamped":
				s.keep(f.Host, func(h *hostFacts) { h.unstamped = &f })
			}
		}
	}
	s.names = slices.Sorted(maps.Keys(s.hosts))
	return s, nil
}

// eachRow runs the query that some files make together, and calls each with its rows.
func eachRow[R any](tx *store.Tx, params map[string]any, each func(R), files ...string) error {
	query, err := queryText(files...)
	if err != nil {
		return err
	}
	var row R
	err = tx.EachNamed(&row, query, params, func() error {
		each(row)
		return nil
	})
	if err != nil {
		return fmt.Errorf("%s: %w", files[len(files)-1], err)
	}
	return nil
}

// queryText joins the texts of some files.
func queryText(files ...string) (text string, err error) {
	for _, name := range files {
		part, err := queries.ReadFile(name)
		if err != nil {
			return "", err
		}
		text += string(part)
	}
	return text, nil
}

// troubles returns the trouble of each host that is in one, by name. The most telling
// symptom of a host comes first.
func (s *survey) troubles() []trouble {
	found := make([]trouble, 0, len(s.names)+1)
	for _, name := range s.names {
		h := s.hosts[name]
		for _, judge := range []func(*hostFacts) (trouble, bool){s.unstamped, s.rejected, s.partial, s.silent, s.flapping} {
			if t, ok := judge(h); ok {
				t.subject = name
				found = append(found, t)
				break
			}
		}
	}
	if s.more > 0 {
		found = append(found, trouble{subject: store.OverflowHost, symptom: Silent, beganAt: s.now, figure: int64(s.more), quiet: true,
			detail: fmt.Sprintf("%d more hosts are in trouble than are told apart", s.more), fix: "run `cis490-fleet-health report`, which lists all hosts"})
	}
	return found
}

// waiting returns the hosts whose trouble cannot end: they have not shipped for longer than is
// normal, even if they PUT, or they may have shipped in a gap of the index.
func (s *survey) waiting() map[string]bool {
	waiting := map[string]bool{}
	for name, h := range s.hosts {
		if h.quiet != nil {
			waiting[name] = true
		}
	}
	return waiting
}

// overdue reports whether a silence that is worth some ships, since a time, is longer than is normal.
func (s *survey) overdue(t *Thresholds, q *quietRow, worth, since int64) bool {
	switch {
	case q == nil || q.Waits:
		return false
	case q.Limit == 0 || t.NoOverdue:
		return s.now-since > t.SilentThreshold
	}
	// After a night, the time counts in which it should have shipped.
	return worth > max(q.Limit, q.RateNow*t.OverdueFor/store.Hour) && s.now-since > t.OverdueFor
}

// overdueAt returns when a silence became longer than is normal, in microseconds, as far as
// the rate of this hour tells; 0 if it does not.
func (s *survey) overdueAt(t *Thresholds, q *quietRow) int64 {
	switch {
	case q.Limit == 0 || t.NoOverdue:
		return q.HeardAt + t.SilentThreshold
	case q.RateNow == 0:
		return 0
	}
	hours := float64(q.HeardWorth-q.Limit) / float64(q.RateNow)
	return max(q.HeardAt+t.OverdueFor, s.now-int64(hours*float64(store.Hour)))
}

func (s *survey) unstamped(h *hostFacts) (trouble, bool) {
	f := h.unstamped
	switch {
	case f == nil, h.failing != nil && h.failing.AcceptedAt > h.failing.FailedAt:
		return trouble{}, false
	case h.failing == nil && s.puts: // no PUT of the host failed: another's name began with its name and a blank
		return trouble{}, false
	case h.failing == nil: // the receiver's lines about its PUTs were not understood, or not read
		return trouble{symptom: "unstamped", beganAt: s.now - s.t.RecentWindow, figure: int64(f.Unstamped),
			detail: fmt.Sprintf("%d PUTs of the last %s refused: they lack X-Cis490-Code-Commit", f.Unstamped, minutes(s.t.RecentWindow)),
			fix:    fixOfStatus(h.host, 400), query: "unstamped.sql", status: 400}, true
	}
	return trouble{symptom: "unstamped", beganAt: cmp.Or(h.failing.FailingSince, s.now), figure: h.failing.Failed4xx,
		detail: fmt.Sprintf("%d PUTs since %s refused: they lack X-Cis490-Code-Commit", h.failing.Failed4xx, isotime.Format(h.failing.FailingSince)) +
			s.message(h),
		fix: fixOfStatus(h.host, 400), query: "unstamped.sql", status: 400, madeUp: h.failing.ShipAt == 0}, true
}

// rejected finds a host whose PUTs have failed since its last accepted one.
func (s *survey) rejected(h *hostFacts) (trouble, bool) {
	f := h.failing
	if f == nil || f.FailedAt <= f.AcceptedAt || f.ShipAt == 0 && s.now-f.FailedAt > madeUpFor {
		return trouble{}, false
	}
	silent := h.quiet != nil && s.overdue(h.t, h.quiet, h.quiet.HeardWorth, h.quiet.HeardAt)
	refused := (f.Failed4xx >= int64(h.t.RejectedCount) || f.Slow && refusedForGood(f.Status)) && s.now-f.First4xx >= h.t.RejectedFor
	vain := f.Failed4xx+f.Failed5xx >= 2 && h.quiet != nil && s.overdue(h.t, h.quiet, h.quiet.ShipWorth, h.quiet.QuietFrom)
	fatal := h.fatal != nil
	if silent || f.FailedAt <= f.ExpectedFrom || !fatal && (h.t.NoRejected || !refused && !vain) {
		return trouble{}, false
	}
	t := trouble{symptom: Rejected, beganAt: f.FailingSince, figure: f.Failed4xx + f.Failed5xx, query: "failing.sql",
		status: f.Status, server: f.Failed4xx == 0, madeUp: f.ShipAt == 0, fix: fixOfStatus(h.host, f.Status),
		detail: fmt.Sprintf("%d PUTs and none accepted since %s: %d × 4xx, %d × 5xx, the last with %d", f.Failed4xx+f.Failed5xx,
			isotime.Format(f.FailingSince), f.Failed4xx, f.Failed5xx, f.Status)}
	t.detail += s.message(h)
	if fatal && h.t.NoRejected {
		t.symptom, t.query = "fatal-only", "fatal_only.sql"
	}
	return t, true
}

// refusedForGood reports whether a status says that the next PUT will be refused, too, unless the host is
// changed: it lacks a commit, a password or the right path, or runs a version that is not accepted.
func refusedForGood(status int64) bool {
	return status == 400 || status == 401 || status == 403 || status == 404 || status == 412
}

// madeUpFor is how long, in microseconds, a host that never shipped stays in trouble after
// its last PUT: its silence is no trouble.
const madeUpFor = 2 * store.Hour

// message returns the receiver's last message about a host, as the end of a detail.
func (s *survey) message(h *hostFacts) string {
	if text := s.messages[h.host]; text != "" {
		return "; the receiver says: " + foreign(text)
	}
	return ""
}

// partial finds a host whose PUTs fail half of the time.
func (s *survey) partial(h *hostFacts) (trouble, bool) {
	f := h.failing
	if f == nil || h.t.NoPartial || f.Recent < 1<<partialLeast || f.FailedAt <= f.ExpectedFrom { // that was the receiver's outage
		return trouble{}, false
	}
	if h.quiet != nil && s.overdue(h.t, h.quiet, h.quiet.HeardWorth, h.quiet.HeardAt) {
		return trouble{}, false // it sends nothing any more
	}
	n := bits.Len64(uint64(f.Recent)) - 1
	answers := uint64(f.Recent) &^ (1 << n)
	failed := bits.OnesCount64(answers)
	// A bit of starts is a PUT that failed after one that was accepted.
	starts := bits.OnesCount64(answers &^ (answers >> 1) &^ (1 << (n - 1)))
	if 2*failed < n || starts < 2 {
		return trouble{}, false
	}
	last, fix := fmt.Sprintf("with %d", f.Status), fixOfStatus(h.host, f.Status)
	if f.Status == 0 { // nothing failed since the last accepted one
		last, fix = "was accepted", fixOfAnswers(h.host)
	}
	return trouble{symptom: Partial, beganAt: cmp.Or(f.FailingSince, f.FailedAt), figure: int64(failed), query: "failing.sql", status: f.Status, server: f.Status >= 500,
		detail: fmt.Sprintf("%d of its last %d PUTs failed, going back and forth, the last %s", failed, n, last) + s.message(h), fix: fix}, true
}

// partialLeast is the number of PUTs that partial needs.
const partialLeast = 10

// silent finds a host that sends nothing for longer than is normal.
func (s *survey) silent(h *hostFacts) (trouble, bool) {
	q := h.quiet
	if q == nil || !s.overdue(h.t, q, q.HeardWorth, q.HeardAt) {
		return trouble{}, false
	}
	t := trouble{symptom: Silent, beganAt: q.HeardAt, figure: (s.now - q.HeardAt) / store.Minute, query: "overdue.sql", quiet: true,
		overdueAt: s.overdueAt(h.t, q), lost: s.now-q.ShipAt > s.t.Lookback,
		detail: fmt.Sprintf("nothing for %s, the last ship came at %s", minutes(s.now-q.HeardAt), isotime.Format(q.ShipAt)),
		fix:    fixOfSilence(h.host)}
	if q.Limit > 0 && !h.t.NoOverdue {
		t.alert = Overdue
		t.detail += fmt.Sprintf("; %.0f ships were due meanwhile, and %.0f are normal", float64(q.HeardWorth)/1000, float64(q.Limit)/1000)
	}
	return t, true
}

// flapping finds a host that has paused again and again, each time for less than makes it silent.
func (s *survey) flapping(h *hostFacts) (trouble, bool) {
	if h.flapping == nil || h.t.NoOverdue {
		return trouble{}, false
	}
	return trouble{symptom: Flapping, beganAt: h.flapping.BeganAt, figure: h.flapping.Pauses, query: "flapping.sql", quiet: true,
		detail: fmt.Sprintf("it paused in %d of the last 6 hours, for longer than is normal for it", h.flapping.Pauses), fix: fixOfSilence(h.host)}, true
}
