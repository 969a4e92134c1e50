package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/cis490/fleet-health/store"
	"github.com/cis490/fleet-health/store/isotime"
	"github.com/cis490/fleet-health/store/visible"
)

// statusRow is one line of a status.
type statusRow struct {
	item   string
	value  value
	age    value // seconds; nil for none
	detail string
}

var statusColumns = []column[statusRow]{
	{key: "item", head: "item", cut: 12, of: func(r statusRow) value { return r.item }},
	{key: "value", head: "value", right: true, of: func(r statusRow) value { return r.value }},
	{key: "age_seconds", head: "age", right: true, of: func(r statusRow) value { return r.age }},
	{key: "detail", head: "detail", cut: 10, of: func(r statusRow) value { return r.detail }},
}

// statusList collects the rows of a status.
type statusList struct {
	now  int64
	rows []statusRow
}

// add adds a row. Its age is the time since at, in microseconds; 0 is for no age.
func (l *statusList) add(item string, v value, at int64, detail string) {
	row := statusRow{item: item, value: v, detail: detail}
	if at != 0 {
		row.age = seconds(max(l.now-at, 0) / store.Second)
	}
	l.rows = append(l.rows, row)
}

// StatusOptions tell what a status depends on besides the database.
type StatusOptions struct {
	MaxAge     int64    // that of Health
	Outages    []string // those of Health
	IndexBytes int64    // the size of the index, negative if it is not known
}

// Status writes the program's own health. People also get the line of Health, above the
// table.
func Status(tx *store.Tx, out io.Writer, s Style, w Window, o StatusOptions) error {
	l := &statusList{now: w.Until}
	for _, part := range []func(*store.Tx, *statusList, Style, Window) error{passStatus, heldBackStatus, cursorStatus(o.IndexBytes), gapStatus, surplusStatus, quarantineStatus, sinkStatus, databaseStatus} {
		if err := part(tx, l, s, w); err != nil {
			return err
		}
	}
	return render(out, s, document{table: tableOfAll(statusColumns, l.rows), above: func() (above, error) {
		health, _, err := Health(tx, w.Until, o.MaxAge, o.Outages)
		return above{health: health, heading: []string{"as of " + s.stamp(w.Until)}}, err
	}})
}

func passStatus(tx *store.Tx, l *statusList, _ Style, w Window) error {
	last, ok, err := tx.LastPass()
	if err != nil {
		return err
	}
	if !ok {
		l.add("last pass", nil, 0, "none has been made yet")
		return nil
	}
	l.add("last pass", timestamp(last.AsOf), last.AsOf, passDetail(last))
	if last.Outcome.String != store.OutcomeOK {
		good, ok, err := tx.LastGood()
		if err != nil {
			return err
		}
		if ok {
			l.add("last pass that got through", timestamp(good.AsOf), good.AsOf, passDetail(good))
		} else {
			l.add("last pass that got through", nil, 0, "none")
		}
	}
	counts, err := tx.Outcomes(w.Since, w.Until)
	if err != nil {
		return err
	}
	total, each := int64(0), []string{}
	for _, c := range counts {
		total += c.Passes
		each = append(each, fmt.Sprintf("%d %s", c.Passes, c.Outcome))
	}
	l.add("passes", total, 0, strings.TrimSuffix("in "+Age(w.Until-w.Since)+": "+strings.Join(each, ", "), ": "))
	return nil
}

// passDetail describes the end of a pass, and its work.
func passDetail(p store.Pass) string {
	if !p.Outcome.Valid {
		return "not finished: it is running, or was killed"
	}
	detail := fmt.Sprintf("%s in %d ms; %d index rows, %d journal entries, %d new alert(s)", p.Outcome.String, (p.FinishedAt.Int64-p.StartedAt)/1000,
		p.IndexRows, p.JournalEntries, p.NewAlerts)
	if p.Error.Valid {
		detail += ": " + p.Error.String
	}
	return detail
}

// heldBackStatus adds a row for each detector that is held back. The age counts from the
// time at which that started.
func heldBackStatus(tx *store.Tx, l *statusList, _ Style, _ Window) error {
	list, err := tx.HeldBack()
	for _, h := range list {
		l.add(h.Symptom+" held back", timestamp(h.Since), h.Since, h.Reason)
	}
	return err
}

// cursorStatus adds the position of each source. The age is that of the newest fact that
// was read from it.
func cursorStatus(indexBytes int64) func(*store.Tx, *statusList, Style, Window) error {
	return func(tx *store.Tx, l *statusList, s Style, _ Window) error {
		cursors, err := tx.Cursors()
		if err != nil {
			return err
		}
		for _, c := range cursors {
			detail := "moved " + s.clock(c.MovedAt)
			var position value
			if c.Offset.Valid {
				position = c.Offset.Int64
			}
			if c.Cursor.String != "" {
				detail += ", " + c.Cursor.String
			}
			if c.Offset.Valid && c.Stream == store.StreamIndex && indexBytes >= 0 {
				if unread := indexBytes - c.Offset.Int64; unread >= 0 {
					detail += fmt.Sprintf(", %d byte(s) unread", unread)
				} else {
					detail += ", behind the end of the file: it was replaced or cut"
				}
			}
			l.add(c.Stream+" position", position, c.NewestAt.Int64, detail)
		}
		return nil
	}
}

func gapStatus(tx *store.Tx, l *statusList, s Style, w Window) error {
	gaps, err := tx.Gaps(w.Since, w.Until)
	if err != nil {
		return err
	}
	l.add("gaps", int64(len(gaps)), 0, "in "+Age(w.Until-w.Since))
	for n := len(gaps) - 1; n >= max(0, len(gaps)-maxBlind); n-- {
		g := gaps[n]
		detail := fmt.Sprintf("%s %s to %s: %s", g.Reason, s.clock(g.From), s.clock(g.To), g.Detail)
		if g.RecoveredAt.Valid {
			detail += "; read since"
		}
		l.add(g.Stream+" gap", timestamp(g.From), g.To, detail)
	}
	return nil
}

// surplusStatus adds the number of facts over quota, if there are any.
func surplusStatus(tx *store.Tx, l *statusList, _ Style, w Window) error {
	facts, last, err := tx.Surplus(w.Since, w.Until)
	if err == nil && facts > 0 {
		l.add("surplus", facts, last, fmt.Sprintf("in %s: PUTs and rejections beyond %d a minute, counted without a row: see surplus_log",
			Age(w.Until-w.Since), store.RowsPerMinute))
	}
	return err
}

func quarantineStatus(tx *store.Tx, l *statusList, _ Style, _ Window) error {
	counts, err := tx.QuarantineCounts()
	if err != nil {
		return err
	}
	for _, c := range counts {
		l.add("quarantined "+c.Stream, c.Lines, c.SeenAt.Int64, c.Reason)
	}
	return nil
}

// sinkStatus adds a row for each sink of notify: the events that wait, and how its last run went.
// The age counts from the last run that got through.
func sinkStatus(tx *store.Tx, l *statusList, _ Style, _ Window) error {
	sinks, err := tx.Sinks()
	for _, sink := range sinks {
		l.add("sink "+sink.Label, sink.Waiting, sink.LastOKAt.Int64, SinkTrouble(&sink))
	}
	return err
}

// SinkTrouble says how a sink fails; "" if its last run got through.
func SinkTrouble(s *store.SinkState) string {
	if s.Tries == 0 {
		return ""
	}
	return fmt.Sprintf("%d run(s) failed, the last with: %s; %d event(s) wait", s.Tries, s.LastError.String, s.Waiting)
}

func databaseStatus(tx *store.Tx, l *statusList, s Style, _ Window) error {
	db, err := tx.Status()
	if err != nil {
		return err
	}
	horizon, err := tx.RawSince()
	if err != nil {
		return err
	}
	rows := "all raw rows are kept"
	if horizon > 0 {
		rows = "raw rows are kept from " + s.clock(horizon) + " on, rollups from the beginning"
	}
	l.add("database", byteCount(db.DatabaseBytes), 0, byteCount(db.FreeBytes).size()+" of it free; "+rows)
	l.add("write-ahead log", byteCount(db.WALBytes), 0, "")
	l.add("schema version", db.SchemaVersion, 0, "")
	l.add("hosts", db.Hosts, 0, "")
	l.add("alerts", db.Alerts, 0, strconv.FormatInt(db.NotExported, 10)+" not exported")
	return nil
}

// Health is Stopped, and then Outage: a receiver that is down or failing is a problem as
// well.
func Health(tx *store.Tx, now, maxAge int64, outages []string) (line string, problem bool, err error) {
	line, stopped, err := Stopped(tx, now, maxAge)
	if err != nil || stopped {
		return line, stopped, err
	}
	trouble, open, err := Outage(tx, now, outages)
	if open {
		line = "trouble: " + trouble
	}
	return line, open, err
}

// HeldTooLong is how long a detector may be held back, in microseconds, before Stopped
// reports it. Trouble must be noticed within that time.
const HeldTooLong = 30 * store.Minute

// Stopped reports whether passes or detectors have stopped, and describes it in one line.
// stopped is true if no pass succeeded for maxAge, in microseconds, or if a detector is
// held back for longer than HeldTooLong. A monitor takes silence for health, so silence
// must not come from detectors that do not run.
func Stopped(tx *store.Tx, now, maxAge int64) (line string, stopped bool, err error) {
	last, ok, err := tx.LastPass()
	if err != nil {
		return "", false, err
	}
	if !ok {
		return "stopped: no pass has been made yet", true, nil
	}
	good, ok, err := tx.LastGood()
	if err != nil {
		return "", false, err
	}
	if ok && now-good.AsOf <= maxAge && good.AsOf <= now+store.FutureTolerance {
		return judging(tx, now, "ok: the last pass got through "+Age(now-good.AsOf)+" ago")
	}
	line = "stopped: no pass has got through yet"
	switch {
	case ok && good.AsOf > now:
		line = "stopped: the clock is behind the last pass that got through, of " + isotime.Format(good.AsOf)
	case ok:
		line = "stopped: no pass has got through for " + Age(now-good.AsOf)
	}
	if last.ID != good.ID {
		line += "; the last one, " + Age(now-last.AsOf) + " ago: " + passDetail(last)
	}
	return visible.Escape(line), true, nil
}

// judging returns the line ok, unless a detector is held back for too long.
func judging(tx *store.Tx, now int64, ok string) (line string, stopped bool, err error) {
	list, err := tx.HeldBack()
	if err != nil || len(list) == 0 || now-list[0].Since <= HeldTooLong {
		return ok, false, err
	}
	symptoms := make([]string, len(list))
	for i, h := range list {
		symptoms[i] = h.Symptom
	}
	return visible.Escape("stopped: " + strings.Join(symptoms, ", ") + " held back for " + Age(now-list[0].Since) + ": " + list[0].Reason), true, nil
}
