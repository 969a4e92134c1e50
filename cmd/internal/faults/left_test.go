package faults

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cis490/fleet-health/cmd/internal/cli"
	"github.com/cis490/fleet-health/cmd/internal/fleettest"
	"github.com/google/go-cmp/cmp"
)

// leftQueries read the data that a pass leaves, as its readers see it. Ships are summed by
// hour, and come from the tables, because the view would format the time of each.
var leftQueries = []string{
	`SELECT h.name || ' ' || COALESCE(c.name, '-') || ' ' || n.hour || ' ' || n.ships || ' ' || n.sum
		FROM (SELECT series_id, received_at / 3600000000 AS hour, COUNT(*) AS ships, SUM(received_at % 999983) AS sum FROM ships GROUP BY 1, 2) AS n
		JOIN series AS r ON r.id = n.series_id JOIN hosts AS h ON h.id = r.host_id LEFT JOIN code_commits AS c ON c.id = r.code_commit_id ORDER BY 1`,
	"SELECT at || ' ' || host || ' ' || status FROM put_log ORDER BY 1",
	"SELECT at || ' ' || host || ' ' || reason FROM rejection_log ORDER BY 1",
	"SELECT at || ' ' || kind || ' ' || count || ' ' || last_at || ' ' || text FROM receiver_log ORDER BY 1",
	"SELECT hour || ' ' || host || ' ' || ships || ' ' || puts_2xx || ' ' || puts_4xx || ' ' || unstamped FROM host_hourly ORDER BY 1",
	"SELECT host || ' ' || COALESCE(last_ship_at, '-') || ' ' || COALESCE(last_put_at, '-') || ' ' || COALESCE(open_symptoms, '-') FROM host_status ORDER BY 1",
	"SELECT detected_at || ' ' || host || ' ' || symptom || ' ' || dedup_key || ' ' || (exported_at IS NOT NULL) FROM alert_log ORDER BY 1",
	"SELECT reason || ' ' || lines FROM quarantine_counts ORDER BY 1",
	"SELECT source || ' ' || reason FROM gap_log ORDER BY 1",
	`SELECT json_array(id, subject, symptom, began_at, opened_at, last_found_at, clear_at, lost_at, resolved_at, resolution, explained_by, said_at, repeated_at,
		detail, figure, worst_figure, worst_detail, fix, query, acked_at, acked_until) FROM incidents ORDER BY id`,
	"SELECT json_array(incident_id, host, joined_at) FROM incident_hosts ORDER BY incident_id, host",
	"SELECT json_array(id, at, incident_id, event, symptom, said, detail, explained_by) FROM incident_events ORDER BY id",
	"SELECT json_array(host_id, learnt_at, days, week, silence_limit) FROM rhythms ORDER BY host_id",
	"SELECT json_array(host_id, COUNT(*), SUM(rate * (slot + 1)), SUM(before * (slot + 1))) FROM rhythm_hours GROUP BY host_id ORDER BY host_id",
	"SELECT json_array(name, value) FROM thresholds ORDER BY name",
	`SELECT json_array(name, last_accepted_at, last_failed_at, failing_since, first_4xx_at, failed_4xx, failed_5xx, failed_status, recent_answers, folded_at, unfolded,
		expected_from, muted_until, retired_at) FROM hosts ORDER BY name`,
}

// left returns the data that a pass has left in a directory.
func left(t *testing.T, dir string) string {
	t.Helper()
	alerts, err := os.ReadFile(dir + "/alerts.jsonl")
	if err != nil {
		t.Error(err)
	}
	return string(alerts) + fleettest.Asked(t, dir, leftQueries...)
}

// whole runs a clean pass after a disturbed one, and checks its data. If the pass refuses a
// damaged database that a disturbed rebuild has not moved yet, it runs the rebuild again.
func (s *scene) whole(dir string, disturbance any) {
	s.t.Helper()
	code, said := s.execute(s.heal, dir)
	if s.command == "rebuild" && code == cli.ExitFailed && strings.Contains(said, "`cis490-fleet-health rebuild`") {
		code, said = s.execute("rebuild", dir)
	}
	if code != cli.ExitOK {
		s.t.Errorf("%v: the next pass exits with %d\n%s", disturbance, code, said)
	} else if diff := cmp.Diff(s.want, left(s.t, dir)); diff != "" {
		s.t.Errorf("%v (-undisturbed +disturbed):\n%s", disturbance, diff)
	} else if s.keeps != nil && !kept(s.t, dir, s.keeps) {
		s.t.Errorf("%v: the old database is gone", disturbance)
	}
}

// kept reports whether a database with this content was moved aside.
func kept(t *testing.T, dir string, content []byte) bool {
	t.Helper()
	aside, err := filepath.Glob(dir + "/fleet.db.*Z")
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(aside, func(path string) bool {
		b, err := os.ReadFile(path)
		return err == nil && bytes.Equal(b, content)
	})
}
