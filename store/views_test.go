package store_test

import (
	"database/sql"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cis490/fleet-health/store"
	"github.com/google/go-cmp/cmp"
)

// publicViews are the columns on which ad-hoc SQL relies. A view may have more.
var publicViews = map[string]string{
	"ship_log":      "received_at host code_commit",
	"put_log":       "at host status",
	"rejection_log": "at host reason message",
	"receiver_log":  "at kind text count last_at at_us last_at_us",
	"host_status":   "host last_ship_at last_put_at open_symptoms muted_until retired_at",
	"incident_log": "id began_at opened_at last_found_at lost_at resolved_at duration_s open resolution subject symptom explained_by " +
		"said acknowledged detail worst_detail suggested_fix began_at_us opened_at_us resolved_at_us",
	"incident_alerts": "incident_id subject incident_symptom detected_at host symptom dedup_key detail",
	"delivery_log":    "at sink event incident_id subject symptom state tries error ended_at",
	"operator_log":    "at who act incident_id host until_at note",
	"host_hourly":     "hour host ships puts_2xx puts_4xx puts_5xx unstamped",
	"surplus_log":     "minute host kind facts minute_us",
	"alert_log":       "detected_at host symptom detail suggested_fix dedup_key exported_at",
	"gap_log":         "source from_at to_at reason detail",
	"quarantine_log":  "source reason position head_hex lines",
	"pass_log":        "started_at finished_at outcome",
}

// TestViewsReadTheSameInDebiansSQLite: if one view has an expression that SQLite 3.40 does
// not know, every query of its command line fails.
func TestViewsReadTheSameInDebiansSQLite(t *testing.T) {
	t.Parallel()
	sqlite3 := need(t, "sqlite3")
	s, path := mustOpen(t)
	fillEveryTable(t, s)
	var views []string
	for _, view := range mustSelect[string](t, s, "SELECT name FROM sqlite_schema WHERE type = 'view' ORDER BY name") {
		views = append(views, view)
		query := "SELECT * FROM " + view + " ORDER BY 1, 2, 3"
		columns, ours := ask(t, s, query)
		for _, column := range strings.Fields(publicViews[view]) {
			if !slices.Contains(columns, column) {
				t.Errorf("%s has no column %s", view, column)
			}
		}
		if !strings.Contains(ours, "\n") {
			t.Errorf("%s is empty: nothing to compare", view)
		}
		out, err := exec.Command(sqlite3, "-readonly", "-nullvalue", "NULL", "-separator", "|", path, query).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", view, err, out)
		}
		if diff := cmp.Diff(ours, string(out)); diff != "" {
			t.Errorf("%s (-program +sqlite3):\n%s", view, diff)
		}
	}
	for view := range publicViews {
		if !slices.Contains(views, view) {
			t.Errorf("there is no view %s", view)
		}
	}
	_, status := ask(t, s, "SELECT * FROM host_status WHERE host = 'never-shipped'")
	if want := "never-shipped|NULL|2026-05-01T11:59:59.000000Z|2026-05-01T11:59:59.000000Z|rejected|NULL|NULL\n"; status != want {
		t.Errorf("host_status says %q, want %q", status, want)
	}
	_, ship := ask(t, s, "SELECT received_at, host, code_commit FROM ship_log ORDER BY 1")
	if want := "2026-05-01T11:59:59.000007Z|a|NULL\n2026-05-01T12:00:00.000000Z|a|4f1c\n"; ship != want {
		t.Errorf("ship_log says %q, want %q", ship, want)
	}
}

// TestHostStatusReadsOnlyOpenIncidents: the view read all old alerts, once for each host. Now
// it must not read all old incidents.
func TestHostStatusReadsOnlyOpenIncidents(t *testing.T) {
	t.Parallel()
	s, _ := mustOpen(t)
	_, plan := ask(t, s, "EXPLAIN QUERY PLAN SELECT * FROM host_status")
	if !strings.Contains(plan, "SEARCH i USING INDEX incidents_open (subject=?)") {
		t.Errorf("the plan does not seek the open incidents of a host:\n%s", plan)
	}
}

// TestHostHourlySeeksTheHour: the view added up all rollups first.
func TestHostHourlySeeksTheHour(t *testing.T) {
	t.Parallel()
	s, _ := mustOpen(t)
	_, plan := ask(t, s, "EXPLAIN QUERY PLAN SELECT * FROM host_hourly WHERE hour_number >= 493000")
	for _, table := range []string{"s", "p", "r"} {
		if !strings.Contains(plan, "SEARCH "+table+" USING PRIMARY KEY (hour>?)") {
			t.Errorf("the plan does not seek the hours of %s:\n%s", table, plan)
		}
	}
}

// TestReceiverLogSeeksTheTime: the log of a year must not be read for a day of it.
func TestReceiverLogSeeksTheTime(t *testing.T) {
	t.Parallel()
	s, _ := mustOpen(t)
	_, plan := ask(t, s, "EXPLAIN QUERY PLAN SELECT * FROM receiver_log WHERE at_us >= 5 ORDER BY at_us")
	for _, search := range []string{"SEARCH unit_states USING PRIMARY KEY (at>?)", "SEARCH error_texts USING INDEX error_texts_by_time (first_at>?)"} {
		if !strings.Contains(plan, search) {
			t.Errorf("the plan has no %s:\n%s", search, plan)
		}
	}
}

// ask runs a query in the program, and writes its rows as sqlite3 does.
func ask(t *testing.T, s *store.Store, query string) (columns []string, text string) {
	t.Helper()
	var b strings.Builder
	err := s.Update(t.Context(), func(tx *store.Tx) error {
		rows, err := tx.Queryx(query)
		if err != nil {
			return err
		}
		defer rows.Close()
		if columns, err = rows.Columns(); err != nil {
			return err
		}
		for rows.Next() {
			values, err := rows.SliceScan()
			if err != nil {
				return err
			}
			for i, value := range values {
				if i > 0 {
					b.WriteByte('|')
				}
				if value == nil {
					value = "NULL"
				}
				fmt.Fprint(&b, value)
			}
			b.WriteByte('\n')
		}
		return rows.Err()
	})
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return columns, b.String()
}

// fillEveryTable stores facts, gaps, alerts and passes. Some are finished or exported,
// others are not.
func fillEveryTable(t *testing.T, s *store.Store) {
	t.Helper()
	const second = store.Second
	batch := &store.Batch{Source: mustSource(t, s, store.StreamIndex), Now: now, State: "{}",
		Hosts: []string{"a", "never-shipped", "é | ☃ '\"", "\x00"}, Series: []store.Series{{Host: "a", Commit: "4f1c"}, {Host: "a"}},
		Ships: []store.Ship{{ReceivedAt: now - second + 7, LineHash: 1, Series: 1}, {ReceivedAt: now, LineHash: 1 << 63}},
		Puts: []store.Put{{At: now - second, CursorHash: 2, Host: 1, Status: 412}, {At: now, CursorHash: 3, Host: 2, Status: 200},
			{At: now, CursorHash: 4, Host: 3, Status: 599}, {At: now, CursorHash: 5, Host: 3, Status: 302}},
		Rejections: []store.Rejection{{At: now, CursorHash: 6, Host: 1, Reason: store.ReasonUnstamped, Message: "m"},
			{At: now + 1, CursorHash: 7, Host: 1, Reason: store.ReasonOther, Message: ""}},
		UnitChanges: []store.UnitChange{{At: now - 2, CursorHash: 8, State: store.UnitFailed, Detail: "Failed with result 'exit-code'."}, {At: now, CursorHash: 9, State: store.UnitStarted, Detail: ""}},
		Errors:      []store.ReceiverError{{At: now - 3, CursorHash: 10, Kind: store.KindTraceback, Text: "OSError: [Errno 28] No space left on device"}, {At: now, CursorHash: 11, Kind: store.KindError, Text: "é | \\x1b"}},
		Gaps:        []store.Gap{{Reason: store.GapUnread, From: now, To: now, Detail: "d"}},
	}
	batch.Quarantine.Add(store.Quarantined{Reason: "not-json", LineHash: 8, Length: 3}, func() []byte { return []byte("\xff\x00x") })
	for i := range uint64(store.RowsPerMinute + 2) {
		batch.Puts = append(batch.Puts, store.Put{At: now - 5*store.Minute + int64(i), CursorHash: i, Host: 3, Status: 401})
		batch.Rejections = append(batch.Rejections, store.Rejection{At: now - 5*store.Minute + int64(i), CursorHash: i, Host: 3, Reason: store.ReasonOther, Message: "again"})
	}
	mustSave(t, s, batch)
	mustSave(t, s, &store.Batch{Source: mustSource(t, s, store.StreamIndex), Now: now, Recovered: true,
		Gaps: []store.Gap{{Reason: store.GapRotated, From: 1, To: now, Detail: "e"}}})
	pass := store.Pass{StartedAt: now, AsOf: now}
	if err := s.BeginPass(t.Context(), &pass); err != nil {
		t.Fatal(err)
	}
	err := s.Update(t.Context(), func(tx *store.Tx) error {
		for i, symptom := range []string{"unstamped", "silent", "fatal-only"} {
			alert := store.Alert{DedupKey: fmt.Sprint(i), Host: "never-shipped", Symptom: symptom, DetectedAt: now, LastFoundAt: now}
			alert.PassID.Int64, alert.PassID.Valid = pass.ID, i > 0
			if _, err := tx.AddAlert(alert); err != nil {
				return err
			}
			if err := tx.Evaluated(symptom, now+int64(i%2), store.Hour); err != nil { // silent was not found the last time
				return err
			}
		}
		if err := addIncidents(tx); err != nil {
			return err
		}
		return tx.MarkExported("0", now)
	})
	if err != nil {
		t.Fatal(err)
	}
	pass.Outcome.String, pass.Outcome.Valid = store.OutcomeOK, true
	pass.FinishedAt.Int64, pass.FinishedAt.Valid = now+1, true
	if err := s.FinishPass(t.Context(), &pass); err != nil {
		t.Fatal(err)
	}
	if err := s.BeginPass(t.Context(), &store.Pass{StartedAt: now + 2, AsOf: now}); err != nil {
		t.Fatal(err)
	}
}

// addIncidents stores an open incident of a host, one that ended, and one of a group, and
// what an operator did about them.
func addIncidents(tx *store.Tx) error {
	ended := sql.NullInt64{Int64: now, Valid: true}
	for _, i := range []store.Incident{
		{Subject: "never-shipped", Symptom: "rejected", BeganAt: now - store.Hour, OpenedAt: now - 2, LastFoundAt: now, SaidAt: ended, Detail: "d", WorstDetail: "w"},
		{Subject: "never-shipped", Symptom: "silent", BeganAt: now - store.Hour, OpenedAt: now - 3, LastFoundAt: now, LostAt: ended, ResolvedAt: ended,
			Resolution: sql.NullString{String: store.ResolvedRecovered, Valid: true}},
		{Subject: store.SubjectGroup, Symptom: "group-silent", BeganAt: now - store.Hour, OpenedAt: now - 2, LastFoundAt: now, AckedUntil: ended},
	} {
		if err := tx.SaveIncident(&i); err != nil {
			return err
		}
		if err := tx.JoinIncident(i.ID, []string{"never-shipped"}, now); err != nil {
			return err
		}
	}
	for _, act := range []string{
		"INSERT INTO operator_acts (at, act, host, until_at, who, note) VALUES (1, 'mute', 'a', 2, 'w', 'n')",
		"INSERT INTO operator_acts (at, act, incident_id, who, note) VALUES (3, 'ack', 1, 'w', '')",
		"INSERT INTO operator_acts (at, act, host, who, note, setting, value, typed) VALUES (4, 'set', 'a', 'w', 'n', 'overdue', 0, 'off')",
		"INSERT INTO incident_events (id, at, incident_id, event, symptom, said, detail) VALUES (1, 5, 1, 'opened', 'rejected', 1, 'd')",
		"INSERT INTO sinks (id, url_key, label, added_at, event_id, seen_at) VALUES (1, 'k', 'https://hooks.example/…', 5, 1, 5)",
		"INSERT INTO deliveries (sink_id, event_id, added_at) VALUES (1, 1, 6)",
	} {
		if _, err := tx.Exec(act); err != nil {
			return err
		}
	}
	return nil
}

// TestIncidentsSeekThoseThatAreOpen: of many incidents few are open. Events are found by
// their time, and need no sorting.
func TestIncidentsSeekThoseThatAreOpen(t *testing.T) {
	t.Parallel()
	s, _ := mustOpen(t)
	for query, want := range map[string][]string{
		store.IncidentsAsked: {"SEARCH incidents USING INDEX incidents_resolved (resolved_at>?)", "SCAN incidents USING INDEX incidents_open"},
		store.EventsAfter:    {"SEARCH e USING INTEGER PRIMARY KEY (rowid>?)", "SEARCH i USING INTEGER PRIMARY KEY (rowid=?)"},
		store.EventsAsked:    {"SEARCH e USING INDEX incident_events_by_time (at>? AND at<?)", "SEARCH i USING INTEGER PRIMARY KEY (rowid=?)"},
	} {
		_, plan := ask(t, s, "EXPLAIN QUERY PLAN "+regexp.MustCompile(`\?\d`).ReplaceAllString(query, "1"))
		for _, step := range want {
			if !strings.Contains(plan, step) {
				t.Errorf("the plan has no step %q:\n%s", step, plan)
			}
		}
		if strings.Contains(query, "incident_events") && strings.Contains(plan, "USE TEMP B-TREE FOR ORDER BY") {
			t.Errorf("events are sorted:\n%s", plan)
		}
	}
}
