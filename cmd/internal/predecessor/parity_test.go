// Package predecessor proves that the alerts equal the predecessor's, on 300 random fleets.
// On a machine without the predecessor, testdata/predecessor.txt has its results.
//
//	go test ./cmd/internal/predecessor
package predecessor

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cis490/fleet-health/cmd/internal/cli"
	"github.com/cis490/fleet-health/cmd/internal/fleettest"
	"github.com/cis490/fleet-health/detect"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the record of the predecessor's alerts anew")

// predecessorDriver runs the predecessor in each directory that is named on standard input,
// with a fixed clock and a journalctl that reads in that directory.
const predecessorDriver = `
import datetime, importlib.util, os, sys, time
spec = importlib.util.spec_from_file_location("predecessor", sys.argv[1])
old = importlib.util.module_from_spec(spec)
sys.modules["predecessor"] = old
spec.loader.exec_module(old)
now = float(sys.argv[2])
class Still(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(now, tz)
old.datetime = Still
time.time = lambda: now
for line in sys.stdin:
    d = line.strip()
    os.environ["JOURNAL_HERE"] = d + "/journal"
    old.main(["--index-path", d + "/index.jsonl", "--alerts-path", d + "/old.jsonl", "--log-level", "CRITICAL"])
`

// figures match the figures in an alert's detail, which must agree, for each symptom.
var figures = map[string]*regexp.Regexp{
	"silent":     regexp.MustCompile(`(\d+) min\b`),
	"fatal-only": regexp.MustCompile(`^(\d+) |(\d+) × 4xx|(\d+) × 5xx`),
	"unstamped":  regexp.MustCompile(`^(\d+) `),
}

// newSymptoms are those that the predecessor did not look for. Their alerts are not compared.
var newSymptoms = []string{detect.Rejected, detect.Overdue, detect.Partial, detect.Flapping, detect.ReceiverFailing, detect.ReceiverSilent,
	detect.ReceiverDown, detect.ReceiverDegraded, detect.IndexStuck, detect.GroupRejected, detect.GroupSilent, detect.Unreadable, detect.JournalUnread, detect.IndexUnread}

// readAlerts returns the host, symptom, key and figures of each alert in a file, except
// those of newSymptoms.
func readAlerts(t *testing.T, path string) map[string]string {
	t.Helper()
	alerts := map[string]string{}
	b, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		var a map[string]string
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatal(err)
		}
		if slices.Contains(newSymptoms, a["symptom"]) {
			continue
		}
		if _, twice := alerts[a["host"]+"|"+a["symptom"]]; twice {
			t.Errorf("%s has two alerts of %s, %s", path, a["host"], a["symptom"])
		}
		alerts[a["host"]+"|"+a["symptom"]] = a["dedup_key"] + " " + fmt.Sprint(figures[a["symptom"]].FindAllString(a["detail"], -1))
	}
	return alerts
}

// predecessorRecord has the number and the digest of the predecessor's alerts for each
// fleet, for machines without the predecessor.
const predecessorRecord = "testdata/predecessor.txt"

// digest returns the line of predecessorRecord for a fleet's alerts.
func digest(fleet int, alerts map[string]string) string {
	hash := sha256.New()
	for _, key := range slices.Sorted(maps.Keys(alerts)) {
		fmt.Fprintf(hash, "%s = %s\n", key, alerts[key])
	}
	return fmt.Sprintf("fleet %d: %d alerts %.6x\n", fleet, len(alerts), hash.Sum(nil))
}

// TestAlertsEqualThePredecessors makes random fleets, runs the predecessor and the pass on
// them, and compares the alerts. The real journalctl reads real journal files. Without the
// predecessor, it compares with the record of the predecessor's alerts. -update renews the
// record.
func TestAlertsEqualThePredecessors(t *testing.T) {
	t.Parallel()
	fleettest.Need(t, fleettest.JournalRemote)
	const fleets = 300
	now := time.Date(2026, 5, 1, 12, 34, 0, 0, time.UTC)
	dir := t.TempDir()
	for i := range fleets {
		d := filepath.Join(dir, fmt.Sprint(i))
		if err := os.MkdirAll(d+"/journal", 0o755); err != nil {
			t.Fatal(err)
		}
		index, journal := randomFleet(rand.New(rand.NewPCG(uint64(i), 7)), now)
		if err := os.WriteFile(d+"/index.jsonl", index, 0o644); err != nil {
			t.Fatal(err)
		}
		fleettest.WriteJournal(t, d+"/journal/receiver.journal", journal)
	}
	present := runPredecessor(t, dir, fleets, now)
	seen := map[string]int{}
	var ours, theirs strings.Builder
	for i := range fleets {
		d := filepath.Join(dir, fmt.Sprint(i))
		var stderr bytes.Buffer
		code := cli.Run(t.Context(), []string{"pass", "--db", d + "/fleet.db", "--index-path", d + "/index.jsonl",
			"--alerts-path", d + "/alerts.jsonl", "--journal-directory", d + "/journal"}, fleettest.Env(now, &stderr))
		if code != cli.ExitOK {
			t.Fatalf("fleet %d: exit %d\n%s", i, code, &stderr)
		}
		got := readAlerts(t, d+"/alerts.jsonl")
		if present {
			want := readAlerts(t, d+"/old.jsonl")
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("fleet %d: alerts differ (-predecessor +pass):\n%s", i, diff)
			}
			theirs.WriteString(digest(i, want))
		}
		ours.WriteString(digest(i, got))
		for k := range got {
			seen[k[strings.LastIndex(k, "|")+1:]]++
		}
	}
	if present && *update {
		if err := os.WriteFile(predecessorRecord, []byte(theirs.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	record, err := os.ReadFile(predecessorRecord)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(record), ours.String()); diff != "" {
		t.Errorf("alerts differ (-record of the predecessor's +pass):\n%s", diff)
	}
	for symptom := range figures {
		if seen[symptom] < fleets/10 {
			t.Errorf("%q was found %d times in %d fleets: too few to compare", symptom, seen[symptom], fleets)
		}
	}
	t.Logf("%d fleets, compared with the predecessor itself: %v, alerts: %v", fleets, present, seen)
}

// TestForgedLinesAreReadAsThePredecessorDidNot tests the limit of parity. The predecessor's
// patterns match anywhere in a line. But clients choose paths, queries, agents and, in a
// traceback, whole request lines.
func TestForgedLinesAreReadAsThePredecessorDidNot(t *testing.T) {
	t.Parallel()
	fleettest.Need(t, fleettest.JournalRemote)
	now := time.Date(2026, 5, 1, 12, 34, 0, 0, time.UTC)
	dir := t.TempDir()
	d := filepath.Join(dir, "0")
	if err := os.MkdirAll(d+"/journal", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(d+"/index.jsonl", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	var journal bytes.Buffer
	n := 0
	logged := func(times int, text string) {
		for range times {
			n++
			journal.WriteString(fleettest.JournalEntry(now.Add(-10*time.Minute).UnixMicro()+int64(n), int64(n), 0, "_SYSTEMD_UNIT=cis490-receiver.service\nMESSAGE="+text))
		}
	}
	const access, missing = `INFO:     10.0.0.1:5 - "%s HTTP/1.1" %s`, "missing X-Cis490-Code-Commit host="
	for _, host := range []string{"hidden-by-traceback", "hidden-by-agent"} {
		logged(12, fmt.Sprintf(access, "PUT /v1/episodes/"+host+"/e", "412 Precondition Failed"))
	}
	logged(1, `h11._util.RemoteProtocolError: illegal request line: bytearray(b'GET PUT /v1/episodes/hidden-by-traceback/x HTTP/1.1" 200 HTTP/1.1')`)
	logged(1, `10.0.0.1:5 - - [01/May/2026:12:24:00 +0000] "GET / 1.1" 404 - "-" "PUT /v1/episodes/hidden-by-agent/x HTTP/1.1" 200"`)
	logged(12, fmt.Sprintf(access, `PUT /v1/episodes/quoted/e?q="`, "412 Precondition Failed"))
	logged(12, "h11._util.RemoteProtocolError: illegal request line: bytearray(b'GET "+missing+"made-up-1 HTTP/1.1')")
	logged(12, `10.0.0.1 - - [01/May/2026:12:24:00 +0000] "GET / HTTP/1.1" 404 0 "-" "`+missing+`made-up-2 x"`)
	logged(12, `{"method": "GET", "path": "/", "status": 404, "agent": "`+missing+`made-up-3 x"}`)
	fleettest.WriteJournal(t, d+"/journal/receiver.journal", journal.Bytes())
	var stderr bytes.Buffer
	code := cli.Run(t.Context(), []string{"pass", "--db", d + "/fleet.db", "--index-path", d + "/index.jsonl",
		"--alerts-path", d + "/alerts.jsonl", "--journal-directory", d + "/journal"}, fleettest.Env(now, &stderr))
	if code != cli.ExitOK {
		t.Fatalf("exit %d\n%s", code, &stderr)
	}
	found := func(path string) []string { return slices.Sorted(maps.Keys(readAlerts(t, path))) }
	want := []string{"hidden-by-agent|fatal-only", "hidden-by-traceback|fatal-only", "quoted|fatal-only"}
	if diff := cmp.Diff(want, found(d+"/alerts.jsonl")); diff != "" {
		t.Errorf("alerts (-want +got):\n%s", diff)
	}
	if runPredecessor(t, dir, 1, now) {
		want := []string{"made-up-1|unstamped", "made-up-2|unstamped", "made-up-3|unstamped"}
		if diff := cmp.Diff(want, found(d+"/old.jsonl")); diff != "" {
			t.Errorf("the predecessor's alerts (-want +got):\n%s", diff)
		}
	}
}

// runPredecessor runs the predecessor, which writes old.jsonl in each fleet's directory. It
// returns false if there is no predecessor.
func runPredecessor(t *testing.T, dir string, fleets int, now time.Time) (present bool) {
	t.Helper()
	predecessor, err := filepath.Abs("../../../../shared/reference/check_fleet_health.py")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(predecessor); err != nil {
		return false
	}
	bin := filepath.Join(dir, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	journalctl, err := exec.LookPath("journalctl")
	if err != nil {
		t.Fatal(err)
	}
	wrapper := fmt.Sprintf("#!/bin/sh\nexec %s -D \"$JOURNAL_HERE\" -u cis490-receiver --since @%d --no-pager --output=cat\n",
		journalctl, now.Add(-30*time.Minute).Unix())
	if err := os.WriteFile(filepath.Join(bin, "journalctl"), []byte(wrapper), 0o755); err != nil {
		t.Fatal(err)
	}
	var dirs bytes.Buffer
	for i := range fleets {
		fmt.Fprintln(&dirs, filepath.Join(dir, fmt.Sprint(i)))
	}
	python := exec.Command("python3", "-c", predecessorDriver, predecessor, fmt.Sprint(now.Unix()))
	python.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "TZ=UTC")
	python.Stdin = &dirs
	if out, err := python.CombinedOutput(); err != nil {
		t.Fatalf("predecessor: %v\n%s", err, out)
	}
	return true
}

// randomFleet returns an index and a journal export with faults, and with unusual lines that
// both programs can read.
func randomFleet(r *rand.Rand, now time.Time) (index, journal []byte) {
	var ix, jr bytes.Buffer
	type stamped struct {
		at   time.Time
		text string
	}
	var messages []stamped
	hosts := 1 + r.IntN(8)
	for h := range hosts {
		name := fmt.Sprintf("lab-%d", h)
		if r.IntN(5) == 0 {
			name += []string{".example", "_x", " y", "é"}[r.IntN(4)]
		}
		last := []int{0, 29, 30, 31, 90, 1430, 1445, 3000}[r.IntN(8)]
		for minute := last + 200; minute >= last; minute -= 1 + r.IntN(20) {
			at := now.Add(-time.Duration(minute)*time.Minute - time.Duration(r.IntN(50_000_000))*time.Microsecond - time.Second)
			text := at.Format([]string{"2006-01-02T15:04:05.000000-07:00", "2006-01-02 15:04:05.000000-07:00",
				"2006-01-02T15:04:05.000000Z", "2006-01-02T15:04:05.000-07:00", "2006-01-02T15:04:05.000000"}[r.IntN(5)])
			if r.IntN(4) == 0 {
				text = at.In(time.FixedZone("", 2*3600)).Format("2006-01-02T15:04:05.000000-07:00")
			}
			fmt.Fprintf(&ix, `{"n": %d, "host_id": %q, "received_at_wall": %q, "x": [null, true, {"host_id": "no"}, NaN, 1e5]}`+"\n", minute, name, text)
			switch r.IntN(12) {
			case 0:
				fmt.Fprintln(&ix, []string{`{"host_id": "", "received_at_wall": "2026-05-01T12:00:00+00:00"}`, `{broken`, ``,
					`{"host_id": "x", "received_at_wall": "yesterday"}`, `{"received_at_wall": "2026-05-01T12:00:00+00:00"}`}[r.IntN(5)])
			}
		}
		kind := r.IntN(5)
		for range r.IntN(30) {
			at := now.Add(-time.Duration(r.IntN(45*60_000_000)) * time.Microsecond)
			status := []int{200, []int{412, 500, 404, 503}[r.IntN(4)], 400, []int{201, 422, 304}[r.IntN(3)], 500}[kind]
			text := fmt.Sprintf(`INFO:     10.0.0.1:5 - "PUT /v1/episodes/%s/ep-%d.tar.zst HTTP/1.1" %d Whatever`, name, r.IntN(1000), status)
			if kind == 2 {
				text = []string{"WARNING reject host=%s, missing X-Cis490-Code-Commit", "host=%s Missing x-cis490-code-commit header",
					"missing X-CIS490-Code-Commit (host=%s"}[r.IntN(3)]
				text = fmt.Sprintf(text, name)
			}
			messages = append(messages, stamped{at, text})
			if r.IntN(6) == 0 {
				messages = append(messages, stamped{at, []string{"Started.", "missing X-Cis490-Code-Commit but no name",
					`"GET /v1/episodes/lab-0/x HTTP/1.1" 200`, `"PUT /v1/other/lab-0/x HTTP/1.1" 500`, "WARNING host=lab-0 disk is slow",
					`"PUT /v1/episodes/lab-0 HTTP/1.1" 404 Not Found`}[r.IntN(6)]})
			}
		}
	}
	// journalctl finds --since by bisection, which needs increasing times.
	slices.SortStableFunc(messages, func(a, b stamped) int { return a.at.Compare(b.at) })
	for n := range messages {
		at := messages[n].at.UnixMicro()
		fmt.Fprintf(&jr, "__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=%d\n_BOOT_ID=%032x\n_MACHINE_ID=%032x\n", at, n+1, 5, 6)
		fmt.Fprintf(&jr, "_SYSTEMD_UNIT=cis490-receiver.service\nPRIORITY=6\n_PID=77\nMESSAGE=%s\n\n", messages[n].text)
	}
	if len(messages) == 0 {
		fmt.Fprintf(&jr, "__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=1\n_BOOT_ID=%032x\n_MACHINE_ID=%032x\n", now.Add(-time.Hour).UnixMicro(), 5, 6)
		fmt.Fprint(&jr, "_SYSTEMD_UNIT=cis490-receiver.service\nMESSAGE=Started.\n\n")
	}
	return ix.Bytes(), jr.Bytes()
}
