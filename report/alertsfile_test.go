package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cis490/fleet-health/report"
	"github.com/cis490/fleet-health/store"
	"github.com/google/go-cmp/cmp"
)

const now = 1777636800 * store.Second // 2026-05-01T12:00:00Z

// need returns the path of a program. If it is missing, need skips the test, or fails it
// in CI.
func need(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil && os.Getenv("CI") != "" {
		t.Fatalf("%s is missing", program)
	}
	if err != nil {
		t.Skipf("%s is missing", program)
	}
	return path
}

// alertsFile is an alerts.jsonl and its database.
type alertsFile struct {
	*testing.T
	s    *store.Store
	path string
}

func newAlertsFile(t *testing.T) *alertsFile {
	t.Helper()
	dir := t.TempDir()
	s, err := store.Open(t.Context(), filepath.Join(dir, "fleet.db"), store.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return &alertsFile{t, s, filepath.Join(dir, "alerts.jsonl")}
}

// alert returns the n-th alert of a test.
func alert(n int) store.Alert {
	host, at := fmt.Sprintf("lab-%d", n), now-int64(n)
	return store.Alert{DedupKey: store.AlertKey(host, "silent", at), Host: host, Symptom: "silent",
		Detail: "nothing for 31 min", SuggestedFix: "look at it", DetectedAt: at, LastFoundAt: at}
}

// raise adds alerts to the table.
func (f *alertsFile) raise(ns ...int) {
	f.Helper()
	err := f.s.Update(f.Context(), func(tx *store.Tx) error {
		for _, n := range ns {
			if _, err := tx.AddAlert(alert(n)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		f.Fatal(err)
	}
}

// pass reconciles and exports as a pass does. It returns the number of adopted alerts.
func (f *alertsFile) pass() int {
	f.Helper()
	found, err := report.Reconcile(f.Context(), f.s, f.path, now)
	if err != nil {
		f.Fatal(err)
	}
	if _, err := report.Export(f.Context(), f.s, f.path, now); err != nil {
		f.Fatal(err)
	}
	return found.Adopted
}

func (f *alertsFile) write(content string) {
	f.Helper()
	if err := os.WriteFile(f.path, []byte(content), 0o640); err != nil {
		f.Fatal(err)
	}
}

// cutExport makes an export fail after it appended its lines and before it marks them.
func (f *alertsFile) cutExport(want string) {
	f.Helper()
	execute := func(statement string) {
		err := f.s.Update(f.Context(), func(tx *store.Tx) error { _, err := tx.Exec(statement); return err })
		if err != nil {
			f.Fatal(err)
		}
	}
	execute("CREATE TRIGGER cut BEFORE UPDATE OF exported_at ON alerts BEGIN SELECT RAISE(FAIL, 'cut'); END")
	if _, err := report.Export(f.Context(), f.s, f.path, now); err == nil || f.content() != want {
		f.Fatalf("the export was not cut between its lines and their marks: %v", err)
	}
	execute("DROP TRIGGER cut")
}

func (f *alertsFile) content() string {
	f.Helper()
	content, err := os.ReadFile(f.path)
	if err != nil {
		f.Fatal(err)
	}
	return string(content)
}

// lines returns the content of a file that holds these alerts.
func lines(ns ...int) string {
	var b strings.Builder
	for _, n := range ns {
		b.WriteString(report.AlertJSON(alert(n)))
	}
	return b.String()
}

func (f *alertsFile) holds(want string) {
	f.Helper()
	if diff := cmp.Diff(want, f.content()); diff != "" {
		f.Errorf("alerts.jsonl (-want +got):\n%s", diff)
	}
}

// TestAFirstExportThatAPowerCutLeftEmpty: every pass refused a file of only zeros,
// because it has no alert.
func TestAFirstExportThatAPowerCutLeftEmpty(t *testing.T) {
	t.Parallel()
	f := newAlertsFile(t)
	f.raise(1, 2)
	f.cutExport(lines(1, 2))
	f.write(strings.Repeat("\x00", len(lines(1, 2))))
	f.pass()
	f.holds(lines(1, 2))
}

// TestRotatedAfterAFirstExportThatWasCut: the alerts of the rotated file were appended
// to the next one as well.
func TestRotatedAfterAFirstExportThatWasCut(t *testing.T) {
	t.Parallel()
	f := newAlertsFile(t)
	f.raise(1, 2)
	f.cutExport(lines(1, 2))
	os.Rename(f.path, f.path+".1")
	f.pass()
	if _, err := os.Stat(f.path); !os.IsNotExist(err) {
		t.Errorf("alerts.jsonl exists although nothing is to be exported: %v", err)
	}
	f.raise(3)
	f.pass()
	f.holds(lines(3))
}

// TestANewDatabaseAdoptsTheRotatedFile: after a rebuild within the hour of the rotation,
// each alert of that hour was written twice. Another program's file is not changed.
func TestANewDatabaseAdoptsTheRotatedFile(t *testing.T) {
	t.Parallel()
	f := newAlertsFile(t)
	os.WriteFile(f.path+".1", []byte(lines(1, 2)), 0o640)
	if adopted := f.pass(); adopted != 2 {
		t.Errorf("adopted %d alerts, want 2", adopted)
	}
	const others = "nothing of ours\x00"
	f.write(others)
	for range 2 {
		if _, err := report.Reconcile(t.Context(), f.s, f.path, now); !errors.Is(err, report.ErrAlertsPath) {
			t.Errorf("a foreign file beside a rotated one of ours: %v", err)
		}
		f.holds(others)
	}
	f.write("")
	f.raise(1, 2, 3)
	f.pass()
	f.holds(lines(3))
}

// TestADatabaseFromBeforeTheRotation: after a backup was restored within the hour, an
// alert that was raised after the backup was written twice.
func TestADatabaseFromBeforeTheRotation(t *testing.T) {
	t.Parallel()
	f := newAlertsFile(t)
	f.raise(1, 2)
	f.pass()
	os.WriteFile(f.path+".1", []byte(lines(1, 2, 3)), 0o640)
	f.write("")
	if adopted := f.pass(); adopted != 1 {
		t.Errorf("adopted %d alerts, want 1", adopted)
	}
	f.raise(3)
	f.pass()
	f.holds("")
}

// TestAlertsFileAfterAnAccident changes alerts.jsonl between two passes. The first
// exports alerts 1 and 2, the second alert 3.
func TestAlertsFileAfterAnAccident(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		accident func(f *alertsFile)
		want     string
	}{
		{"nothing happened", func(f *alertsFile) {}, lines(1, 2, 3)},
		{"a page that a power cut left empty", func(f *alertsFile) {
			f.write(lines(1, 2) + lines(3)[:40] + strings.Repeat("\x00", 99_000) + lines(3)[60:])
		}, lines(1, 2, 3)},
		{"a torn line is cut off", func(f *alertsFile) { f.write(lines(1, 2) + lines(3)[:40]) }, lines(1, 2, 3)},
		{"a line was appended but not marked", func(f *alertsFile) { f.write(lines(1, 2, 3)) }, lines(1, 2, 3)},
		{"a line was appended without its newline", func(f *alertsFile) { f.write(strings.TrimSuffix(lines(1, 2, 3), "\n")) }, lines(1, 2, 3)},
		{"a line was marked but is not there", func(f *alertsFile) { f.write(lines(1)) }, lines(1, 3)},
		{"the last line that was marked is torn", func(f *alertsFile) { f.write(lines(1) + lines(2)[:30]) }, lines(1, 3)},
		{"the file was deleted", func(f *alertsFile) { os.Remove(f.path) }, lines(3)},
		{"the file was emptied", func(f *alertsFile) { f.write("") }, lines(3)},
		{"the file was renamed away", func(f *alertsFile) { os.Rename(f.path, f.path+".1") }, lines(3)},
		{"the file was copied and truncated", func(f *alertsFile) {
			os.WriteFile(f.path+".1", []byte(f.content()), 0o640)
			os.Truncate(f.path, 0)
		}, lines(3)},
		{"the file was renamed away after a line was appended but not marked", func(f *alertsFile) {
			f.write(lines(1, 2, 3))
			os.Rename(f.path, f.path+".1")
			f.write("")
		}, ""},
		{"the file was copied and truncated after a line was appended but not marked", func(f *alertsFile) {
			os.WriteFile(f.path+".1", []byte(lines(1, 2, 3)), 0o640)
			os.Truncate(f.path, 0)
		}, ""},
		{"the file was renamed away with a torn line", func(f *alertsFile) {
			f.write(lines(1, 2) + lines(3)[:40])
			os.Rename(f.path, f.path+".1")
			f.write("")
		}, lines(3)},
		{"the file was renamed away, and then another", func(f *alertsFile) {
			os.WriteFile(f.path+".1", []byte(lines(7, 8, 3)), 0o640)
			f.write("")
		}, lines(3)},
		{"a copy has a line that is gone here", func(f *alertsFile) { os.WriteFile(f.path+".1", []byte(lines(1, 2, 3)), 0o640) }, lines(1, 2, 3)},
		{"the rotated file is a link", func(f *alertsFile) {
			os.WriteFile(f.path+".other", []byte(lines(1, 2, 3)), 0o640)
			os.Symlink(f.path+".other", f.path+".1")
			f.write("")
		}, lines(3)},
		{"the file was rotated, and something else was appended to the new one", func(f *alertsFile) {
			os.Rename(f.path, f.path+".1")
			f.write(lines(7))
		}, lines(7, 3)},
		{"somebody took a line out", func(f *alertsFile) { f.write(lines(2)) }, lines(2, 3)},
		{"somebody added a remark", func(f *alertsFile) { f.write("# seen\n" + lines(1) + "ok\n" + lines(2)) },
			"# seen\n" + lines(1) + "ok\n" + lines(2, 3)},
		{"somebody changed a letter", func(f *alertsFile) { f.write(strings.Replace(lines(1, 2), "31 min", "32 min", 1)) },
			strings.Replace(lines(1, 2), "31 min", "32 min", 1) + lines(3)},
		{"it has a line of a megabyte", func(f *alertsFile) { f.write(lines(1, 2) + strings.Repeat("x", 1<<20) + "\n") },
			lines(1, 2) + strings.Repeat("x", 1<<20) + "\n" + lines(3)},
		{"it was replaced by other bytes of the same length", func(f *alertsFile) { f.write(strings.Repeat("y", len(lines(1, 2))-1) + "\n") },
			strings.Repeat("y", len(lines(1, 2))-1) + "\n" + lines(3)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newAlertsFile(t)
			f.raise(1, 2)
			f.pass()
			f.holds(lines(1, 2))
			c.accident(f)
			f.raise(3)
			f.pass()
			f.holds(c.want)
			// Later passes append nothing again.
			f.pass()
			f.holds(c.want)
			f.raise(4)
			f.pass()
			f.holds(c.want + lines(4))
		})
	}
}

// TestACrashAnywhereInTheExport cuts the lines that an export appends at every third
// byte, as a crash before the mark may leave them.
func TestACrashAnywhereInTheExport(t *testing.T) {
	t.Parallel()
	f := newAlertsFile(t)
	before := ""
	for n, cut := 1, 0; cut <= len(lines(n, n+1)); n, cut = n+2, cut+3 {
		f.raise(n, n+1)
		f.write(before + lines(n, n+1)[:cut])
		f.pass()
		before += lines(n, n+1)
		f.holds(before)
	}
}

// TestManyAlertsAreAppendedOnce appends more alerts than one write takes. They used to be
// in memory three times: 50,000 silent hosts took 130 MiB.
func TestManyAlertsAreAppendedOnce(t *testing.T) {
	t.Parallel()
	f := newAlertsFile(t)
	var all []int
	for n := range 2000 {
		all = append(all, n+1)
	}
	f.raise(all...)
	for range 2 {
		if adopted := f.pass(); adopted != 0 {
			t.Errorf("adopted %d of its own", adopted)
		}
		f.holds(lines(all...))
	}
}

// predecessors is a file of the predecessor. Its times have no fraction if that is zero,
// and its sentences differ from ours.
const predecessors = `{"host": "lab-1", "symptom": "silent", "detail": "old words \u2014 1", "suggested_fix": "x", "detected_at_wall": "2026-05-01T11:59:59+00:00", "dedup_key": "5ae54d2389817ffa"}
{"host": "lab-2", "symptom": "silent", "detail": "old words", "suggested_fix": "x", "detected_at_wall": "2026-05-01T11:59:59.999999+00:00", "dedup_key": "9ee400f619710f89"}
{"host": "lab-5", "symptom": "silent", "detail": "no key", "suggested_fix": "x", "detected_at_wall": "2026-05-01T11:59:59.999999+00:00"}
[]
{"host": "lab-6", "dedup_key": "0000000000000006", "detected_at_wall": "soon"}
`

func TestThePredecessorsFileIsAdoptedOnce(t *testing.T) {
	t.Parallel()
	f := newAlertsFile(t)
	f.write(predecessors)
	if adopted := f.pass(); adopted != 2 {
		t.Errorf("adopted %d alerts, want 2", adopted)
	}
	f.raise(1, 3) // 1 is in the file: it does not fire twice
	if adopted := f.pass(); adopted != 0 {
		t.Errorf("adopted %d alerts again", adopted)
	}
	f.holds(predecessors + lines(3))
	f.write(lines(9) + predecessors + lines(3)) // the whole file is read anew
	if adopted := f.pass(); adopted != 1 {
		t.Errorf("adopted %d alerts of an edited file, want 1", adopted)
	}
	var details []string
	err := f.s.Update(t.Context(), func(tx *store.Tx) error {
		return tx.Select(&details, "SELECT detail FROM alerts WHERE detail LIKE 'old words%' ORDER BY id")
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"old words — 1", "old words"}, details); diff != "" {
		t.Errorf("details of adopted alerts (-want +got):\n%s", diff)
	}
}

// pythonDriver checks that Python can read the time of each line of standard input, and
// writes the line as Python would.
const pythonDriver = `
import datetime, json, sys
for line in sys.stdin.buffer:
    row = json.loads(line)
    at = datetime.datetime.fromisoformat(row["detected_at_wall"])
    assert at.utcoffset() == datetime.timedelta(0), line
    assert list(row) == ["host", "symptom", "detail", "suggested_fix", "detected_at_wall", "dedup_key"], line
    print(int(at.timestamp()), json.dumps(row))
`

// TestAlertLinesEqualPythons: a newline in a value was written as \u000a, but Python
// writes \n.
func TestAlertLinesEqualPythons(t *testing.T) {
	t.Parallel()
	python := need(t, "python3")
	r := rand.New(rand.NewPCG(3, 1))
	odd := []rune("aZ09 |\"\\/\b\f\n\r\t\x00\x1b\x7f\u0080\u00e9\u00a7\u00d7\u2028\u202e\ufeff\uffff\U0001f600\U0010ffff<>&'=")
	text := func() string {
		var b strings.Builder
		for range r.IntN(12) {
			b.WriteRune(odd[r.IntN(len(odd))])
		}
		return b.String()
	}
	var ours, want bytes.Buffer
	for range 2000 {
		a := store.Alert{Host: store.StoredName(text()), Symptom: text(), Detail: text(), SuggestedFix: text(), DedupKey: text(), DetectedAt: r.Int64N(store.MaxTime)}
		ours.WriteString(report.AlertJSON(a))
		fmt.Fprintf(&want, "%d %s", a.DetectedAt/store.Second, report.AlertJSON(a))
		var back map[string]string
		if err := json.Unmarshal([]byte(report.AlertJSON(a)), &back); err != nil || back["host"] != store.AlertsName(a.Host) || back["detail"] != a.Detail {
			t.Fatalf("%q does not say what %+v does (%v)", report.AlertJSON(a), a, err)
		}
	}
	cmd := exec.Command(python, "-c", pythonDriver)
	cmd.Stdin = &ours
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.String(), string(out)); diff != "" {
		t.Errorf("lines differ (-ours +Python's):\n%s", diff)
	}
}
