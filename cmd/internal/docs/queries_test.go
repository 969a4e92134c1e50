package docs

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cis490/fleet-health/cmd/internal/cli"
	"github.com/cis490/fleet-health/cmd/internal/fleettest"
	"github.com/cis490/fleet-health/deploy"
	"github.com/cis490/fleet-health/store/sandbox"
	"github.com/google/go-cmp/cmp"
)

// troubledFleet makes the demo's fleet. It adds what the demo lacks: a pass that finds a
// line that is not JSON, and a journal that cannot be read.
func troubledFleet(t *testing.T) (db string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "fleet")
	if code := cli.Run(t.Context(), []string{"demo", dir}, fleettest.Env(fleettest.Now, os.Stderr)); code != cli.ExitOK {
		t.Fatalf("exit %d", code)
	}
	index, err := os.OpenFile(dir+"/index.jsonl", os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer index.Close()
	if _, err := index.WriteString("no JSON\n"); err != nil {
		t.Fatal(err)
	}
	args := []string{"pass", "--db", dir + "/fleet.db", "--index-path", dir + "/index.jsonl", "--alerts-path", dir + "/alerts.jsonl",
		"--journal-export", dir + "/missing.export", "--log-level", "error", "--now", "2026-05-01T12:00:00Z"}
	if code := cli.Run(t.Context(), args, fleettest.Env(fleettest.Now, &bytes.Buffer{})); code != cli.ExitUsage {
		t.Fatalf("exit %d, want %d: a journal cannot be read", code, cli.ExitUsage)
	}
	return dir + "/fleet.db"
}

// askedFrom, askedTo and askedHost are :since, :until and :host in these tests.
const (
	askedFrom = "2026-05-01T10:00:00.000000Z"
	askedTo   = "2026-05-01T12:00:00.000000Z"
	askedHost = "lab-06"
)

// askBoth runs a query in Debian's sqlite3 and in the program, and compares the rows, value
// by value.
func askBoth(t *testing.T, db, text string) (rows []map[string]any) {
	t.Helper()
	sqlite3 := exec.Command("/usr/bin/sqlite3", "-readonly", "-json", db)
	sqlite3.Stdin = strings.NewReader(".bail on\n.param set :since " + askedFrom + "\n.param set :until " + askedTo +
		"\n.param set :host \"'" + askedHost + "'\"\n" + text)
	out, err := sqlite3.CombinedOutput()
	if err != nil {
		t.Fatalf("%s\n%v\n%s", text, err, out)
	}
	var theirs []map[string]any
	if err := json.Unmarshal(out, &theirs); err != nil && len(out) > 0 {
		t.Fatalf("%s\n%v\n%s", text, err, out)
	}
	statement, err := sandbox.ParseStatement(text)
	if err != nil {
		t.Fatalf("%s\n%v", text, err)
	}
	args := []string{"query", "--db", db, "--file", "-", "--format", "json"}
	for _, name := range statement.Params {
		switch name {
		case "since":
			args = append(args, "--since", askedFrom)
		case "until":
			args = append(args, "--until", askedTo)
		case "host":
			args = append(args, "--param", "host="+askedHost)
		}
	}
	var stdout bytes.Buffer
	e := fleettest.Env(fleettest.Now, os.Stderr)
	e.Stdin, e.Stdout = strings.NewReader(text), &stdout
	if code := cli.Run(t.Context(), args, e); code != cli.ExitOK {
		t.Fatalf("%s\nexit %d", text, code)
	}
	if err := json.Unmarshal(stdout.Bytes(), &rows); err != nil {
		t.Fatalf("%s\n%v\n%s", text, err, &stdout)
	}
	if len(theirs) == 0 && len(rows) == 0 {
		return nil
	}
	if diff := cmp.Diff(theirs, rows); diff != "" {
		t.Errorf("%s\n(-sqlite3 +query):\n%s", text, diff)
	}
	return rows
}

// TestSavedQueriesSayTheSameInDebiansSQLite runs each query of deploy/queries, from the time
// at which the demo's trouble starts.
func TestSavedQueriesSayTheSameInDebiansSQLite(t *testing.T) {
	t.Parallel()
	fleettest.Need(t, "/usr/bin/sqlite3")
	db := troubledFleet(t)
	// A row that each query must return for the demo's fleet.
	says := map[string]map[string]any{
		"around": {"at": "2026-05-01T10:32:51.681762Z", "what": "failing", "host": "lab-06", "detail": "15 × 500, the last at 2026-05-01T11:58:54.512943Z"},
		"blind": {"from_at": askedTo, "to_at": askedTo, "source": "journal-export", "reason": "source-unread", "detail": "the journal export could not be read to its end",
			"recovered_at": nil},
		"codes":   {"hour": "2026-05-01T11:00:00Z", "status": 412.0, "puts": 19.0, "hosts": 1.0},
		"commits": {"first_at": "2026-05-01T10:12:50.915422Z", "host": "lab-06", "commit_before": "4f1c2a9", "code_commit": "8be20d1"},
		"failing": {"host": "lab-06", "status": 412.0, "puts": 32.0, "first_at": "2026-05-01T10:26:58.757155Z", "last_at": "2026-05-01T11:48:55.263120Z"},
		"host":    {"first_at": "2026-05-01T10:26:58.757155Z", "last_at": "2026-05-01T11:58:54.512943Z", "went": "failed", "puts": 47.0, "statuses": "412,500"},
		"incidents": {"id": 5.0, "began_at": "2026-05-01T10:26:58.757155Z", "minutes": 93.0, "subject": "lab-06", "symptom": "rejected", "state": "open",
			"explained_by": nil, "cause": nil,
			"worst_detail": "47 PUTs and none accepted since 2026-05-01T10:26:58.757155+00:00: 32 × 4xx, 15 × 5xx, the last with 500"},
		"last-good":  {"host": "lab-07", "last_good_at": "2026-05-01T11:19:00.684590Z", "failing_since": "2026-05-01T11:21:04.057958Z", "failed": 20.0},
		"rejections": {"host": "lab-07", "reason": "unstamped", "rejections": 15.0, "first_at": "2026-05-01T11:21:04.057958Z", "last_at": "2026-05-01T11:49:00.641639Z", "last_message": "WARNING rejected PUT host=lab-07, missing X-Cis490-Code-Commit"},
		"silences":   {"host": "lab-05", "silent_from": "2026-05-01T11:12:48.808687Z", "silent_to": nil, "minutes": 47.0},
		"stopped":    {"ten_minutes_from": "2026-05-01T11:10:00Z", "hosts": 2.0, "which": "lab-05 lab-07"},
		"passes": {"started_at": askedTo, "outcome": "unread", "ms": 0.0, "index_rows": 0.0, "journal_entries": 0.0, "quarantined": 1.0, "new_alerts": 1.0,
			"error": "cannot be read"},
	}
	saved, err := deploy.Queries()
	if err != nil || len(saved) != len(says) {
		t.Fatalf("there are %d saved queries (%v), want %d", len(saved), err, len(says))
	}
	for _, q := range saved {
		rows := askBoth(t, db, q.Text)
		found := false
		for _, row := range rows {
			if text, ok := row["error"].(string); ok && strings.Contains(text, "missing.export") {
				row["error"] = "cannot be read" // its path changes with each run
			}
			found = found || cmp.Equal(says[q.Name], row)
		}
		if !found {
			t.Errorf("%s does not say %v, but\n%v", q.Name, says[q.Name], rows)
		}
		if end := q.About[len(q.About)-1]; end != '?' && end != '.' {
			t.Errorf("%s is about %q, which is no sentence", q.Name, q.About)
		}
	}
}

// TestSavedQueriesNeedNoTimes leaves all parameters unset: sqlite3 has no flags for them,
// and takes an unset parameter as NULL.
func TestSavedQueriesNeedNoTimes(t *testing.T) {
	t.Parallel()
	fleettest.Need(t, "/usr/bin/sqlite3")
	db := troubledFleet(t)
	saved, err := deploy.Queries()
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range saved {
		out, err := exec.Command("/usr/bin/sqlite3", "-readonly", "-bail", db, ".read ../../../deploy/queries/"+q.Name+".sql").CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", q.Name, err, out)
		}
	}
}

// TestSavedQueriesLookBeyondTheirWindow: a window that started with the first ship of
// another commit had no change. A host that failed since before the window failed from its
// start. Hosts that ship counted as stopped. A host that fell silent was no change.
func TestSavedQueriesLookBeyondTheirWindow(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "fleet")
	if code := cli.Run(t.Context(), []string{"demo", dir}, fleettest.Env(fleettest.Now, os.Stderr)); code != cli.ExitOK {
		t.Fatalf("exit %d", code)
	}
	for _, c := range []struct{ name, since, until, says string }{
		{"commits", "2026-05-01T10:12:50Z", "2026-05-01T10:20:00Z", "\"2026-05-01T10:12:50.915422Z\",\"lab-06\",\"4f1c2a9\",\"8be20d1\"\n"},
		{"commits", "2026-05-01T10:12:51Z", "2026-05-01T10:20:00Z", ""},
		{"commits", "2026-04-30T10:12:51Z", "2026-04-30T20:20:00Z", ""},
		{"around", "2026-05-01T11:12:50Z", "2026-05-01T11:13:00Z", "\"2026-05-01T10:12:50.915422Z\",\"commit\",\"lab-06\",\"8be20d1, before 4f1c2a9\"\n" +
			"\"2026-05-01T10:24:52.306570Z\",\"silent\",\"lab-06\",\"for 48 min, and not back by then\"\n"},
		{"around", "2026-05-01T07:59:00Z", "2026-05-01T12:00:00Z", "\"2026-05-01T06:59:16.814215Z\",\"silent\",\"lab-08\",\"for 281 min, until 2026-05-01T11:41:16.516153Z\"\n"},
		{"last-good", "2026-05-01T11:00:00Z", "2026-05-01T11:20:00Z", "\"lab-06\",,\"before 2026-05-01T11:00:54.649355Z\",10\n"},
		{"stopped", "2026-04-30T12:00:00Z", "2026-05-01T12:00:00Z", "\"2026-05-01T11:10:00Z\",2,\"lab-05 lab-07\"\n\"2026-05-01T10:20:00Z\",1,\"lab-06\"\n"},
	} {
		var stdout bytes.Buffer
		e := fleettest.Env(fleettest.Now, os.Stderr)
		e.Stdout = &stdout
		args := []string{"query", c.name, "--db", dir + "/fleet.db", "--format", "csv", "--param", "since=" + c.since, "--param", "until=" + c.until}
		if code := cli.Run(t.Context(), args, e); code != cli.ExitOK {
			t.Fatalf("exit %d", code)
		}
		_, got, _ := strings.Cut(stdout.String(), "\n")
		if c.name == "around" && len(got) > len(c.says) {
			got = got[:len(c.says)] // the other rows are tested elsewhere
		}
		if got != c.says {
			t.Errorf("%s from %s to %s says\n%swant\n%s", c.name, c.since, c.until, got, c.says)
		}
	}
}
