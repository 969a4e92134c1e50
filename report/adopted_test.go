package report_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/cis490/fleet-health/report"
	"github.com/cis490/fleet-health/store"
	"github.com/google/go-cmp/cmp"
)

// TestAdoptedNames adopts lines of the predecessor, which have raw host names, also in the
// commands of the fix. Names that are not plain are stored quoted. Rewrite writes the raw
// name again, unless it looks like a name of the program's own.
func TestAdoptedNames(t *testing.T) {
	t.Parallel()
	f := newAlertsFile(t)
	var lines, want, again []string
	for _, c := range []struct{ host, stored, inFix, again string }{
		{"lab-05", "lab-05", "lab-05", "lab-05"},
		{"lab-05\ufe0f", `"lab-05\ufe0f"`, `"lab-05\ufe0f"`, "lab-05\ufe0f"},
		{"x`reboot`", "x`reboot`", `"x\x60reboot\x60"`, "x`reboot`"},
		{"(receiver)", `"(receiver)"`, `"(receiver)"`, `"(receiver)"`},
		{`"quoted"`, `"\"quoted\""`, `"\"quoted\""`, `"quoted"`},
		{"a/b\x1b[2J", `"a/b\x1b[2J"`, `"a/b\x1b[2J"`, "a/b\x1b[2J"},
	} {
		key := sha256.Sum256([]byte(c.host + "|silent|2026-05-01T12"))
		line := []string{c.host, "silent", "last \x1b[2J\u202e", "On " + c.host + ": check `systemctl status`.", "2026-05-01T12:00:00+00:00", fmt.Sprintf("%x", key[:8])}
		for i, value := range line {
			quoted, err := json.Marshal(value)
			if err != nil {
				t.Fatal(err)
			}
			line[i] = string(quoted)
		}
		lines = append(lines, fmt.Sprintf(`{"host": %s, "symptom": %s, "detail": %s, "suggested_fix": %s, "detected_at_wall": %s, "dedup_key": %s}`+"\n",
			line[0], line[1], line[2], line[3], line[4], line[5]))
		want = append(want, c.stored+` | last \x1b[2J\u202e | On `+c.inFix+": check `systemctl status`.")
		again = append(again, c.again)
	}
	f.write(strings.Join(lines, ""))
	if adopted := f.pass(); adopted != len(want) {
		t.Errorf("adopted %d alerts, want %d", adopted, len(want))
	}
	var got []string
	err := f.s.View(t.Context(), func(tx *store.Tx) error {
		return tx.EachAlert(store.AlertFilter{Until: store.MaxTime}, func(a store.Alert) error {
			got = append(got, a.Host+" | "+a.Detail+" | "+a.SuggestedFix)
			return nil
		})
	})
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("alerts (-want +got):\n%s%v", diff, err)
	}
	if _, _, err := report.Rewrite(t.Context(), f.s, f.path, now); err != nil {
		t.Fatal(err)
	}
	var hosts []string
	for line := range strings.Lines(f.content()) {
		var alert struct{ Host string }
		if err := json.Unmarshal([]byte(line), &alert); err != nil {
			t.Fatal(err)
		}
		hosts = append(hosts, alert.Host)
	}
	if diff := cmp.Diff(again, hosts); diff != "" {
		t.Errorf("alerts.jsonl written anew (-want +got):\n%s", diff)
	}
}
