package histories

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/cis490/fleet-health/store"
)

// alertsModel models the alerts, and the changes of an operator to their file.
type alertsModel struct {
	required map[string]bool // alerts that a good pass found
	allowed  map[string]bool // these, and alerts that a killed pass may have found
	removed  map[string]bool // alerts that the operator removed from the file
	stored   []string        // alerts that the last good pass left
	rotated  map[string]bool // alerts in alerts.jsonl.1, where the next good pass finds them
	touched  bool            // the operator changed the file since the last good pass
	ahead    map[string]bool // alerts read from the file before their hour; the table need not have them
}

func (m *machine) alertsPath() string { return m.dir + "/alerts.jsonl" }

// keysIn returns the dedup keys of the whole lines in alerts.jsonl.
func (m *machine) keysIn() (keys []string) {
	b, err := os.ReadFile(m.alertsPath())
	if err != nil && !os.IsNotExist(err) {
		m.check(err)
	}
	for line := range bytes.Lines(b) {
		var a struct {
			Key string `json:"dedup_key"`
		}
		if json.Unmarshal(line, &a) == nil && a.Key != "" {
			keys = append(keys, a.Key)
		}
	}
	return keys
}

// noteAhead records the alerts of the file that a pass ignored because their hour was in the
// future.
func (m *machine) noteAhead(stored []string) {
	b, _ := os.ReadFile(m.alertsPath())
	for line := range bytes.Lines(b) {
		var a struct {
			Key string    `json:"dedup_key"`
			At  time.Time `json:"detected_at_wall"`
		}
		if json.Unmarshal(line, &a) == nil && a.At.UnixMicro()/store.Hour > m.clock/store.Hour && !slices.Contains(stored, a.Key) {
			m.alerts.ahead[a.Key] = true
		}
	}
}

// changeAlerts changes the file, and records the alerts that were removed.
func (m *machine) changeAlerts(change func(content string) string) {
	before := m.keysIn()
	m.alerts.touched = true
	content, err := os.ReadFile(m.alertsPath())
	if os.IsNotExist(err) {
		return
	}
	m.check(err)
	m.check(os.WriteFile(m.alertsPath(), []byte(change(string(content))), 0o640))
	m.noteRemoved(before)
}

func (m *machine) noteRemoved(before []string) {
	after := m.keysIn()
	for _, key := range before {
		if !slices.Contains(after, key) {
			m.alerts.removed[key] = true
		}
	}
}

func (m *machine) deleteAlerts() {
	before := m.keysIn()
	m.alerts.touched = true
	os.Remove(m.alertsPath())
	m.noteRemoved(before)
}

func (m *machine) rotateAlerts() {
	before := m.keysIn()
	if os.Rename(m.alertsPath(), m.alertsPath()+".1") != nil {
		return
	}
	m.noteRemoved(before)
	m.alerts.rotated = map[string]bool{}
	for _, key := range before {
		m.alerts.rotated[key] = !m.alerts.touched
	}
	m.alerts.touched = true
}

// truncateAlerts cuts the file at a random offset, often inside a line.
func (m *machine) truncateAlerts() {
	m.changeAlerts(func(content string) string { return content[:m.r.IntN(len(content)+1)] })
}

// editAlerts changes the file as an editor or another program would.
func (m *machine) editAlerts() {
	m.changeAlerts(func(content string) string {
		lines := slices.Collect(strings.Lines(content))
		at := m.r.IntN(len(lines) + 1)
		switch m.r.IntN(5) {
		case 0: // a line is removed
			if at < len(lines) {
				lines = slices.Delete(lines, at, at+1)
			}
		case 1: // a remark is added
			lines = slices.Insert(lines, at, []string{"# seen\n", "\n", "{}\n"}[m.r.IntN(3)])
		case 2: // an editor omits the last newline
			return strings.TrimSuffix(content, "\n")
		case 3: // another program writes half a line
			return content + []string{`{"ho`, "# se"}[m.r.IntN(2)]
		case 4: // the predecessor writes an alert that the next pass may find
			host := m.host()
			key := alertKey(host, "silent", m.clock)
			m.alerts.allowed[key] = true
			if strings.HasSuffix(content, "\n") && !slices.Contains(m.keysIn(), key) {
				delete(m.alerts.rotated, key)
				delete(m.alerts.removed, key)
				return content + fmt.Sprintf(`{"host": %q, "symptom": "silent", "detail": "", "suggested_fix": "", "detected_at_wall": %q, "dedup_key": %q}`+"\n",
					host, wall(m.clock), key)
			}
		}
		return strings.Join(lines, "")
	})
}

// checkAlerts compares the table with the expected alerts, and the file with the table. Only
// alerts that the operator removed may be missing from the file.
func (m *machine) checkAlerts() {
	stored := m.rows("SELECT dedup_key FROM alert_log WHERE exported_at IS NOT NULL ORDER BY 1")
	all := m.rows("SELECT dedup_key FROM alert_log ORDER BY 1")
	if len(all) != len(stored) {
		m.failf("%d of %d alerts are not exported", len(all)-len(stored), len(all))
	}
	for key := range m.alerts.required {
		if !slices.Contains(stored, key) {
			m.failf("the alert %s is missing", key)
		}
	}
	m.noteAhead(stored)
	count := map[string]int{}
	for _, key := range m.keysIn() {
		if m.alerts.ahead[key] {
			continue // a later pass may find it and write it a second time
		}
		if count[key]++; m.alerts.rotated[key] {
			m.failf("the alert %s stands in alerts.jsonl.1 as well", key)
		}
	}
	m.alerts.rotated, m.alerts.touched = nil, false
	for _, key := range stored {
		switch n := count[key]; {
		case !m.alerts.allowed[key] && !m.alerts.required[key]:
			m.failf("the alert %s was not to be found", key)
		case n > 1:
			m.failf("the alert %s stands %d times in alerts.jsonl", key, n)
		case n == 0 && !m.alerts.removed[key] && !m.alerts.ahead[key]:
			m.failf("the alert %s is missing in alerts.jsonl", key)
		case n == 1 && m.alerts.removed[key] && slices.Contains(m.alerts.stored, key):
			m.failf("the alert %s came back to alerts.jsonl", key)
		}
		if count[key] == 1 {
			delete(m.alerts.removed, key)
		}
		delete(count, key)
	}
	m.alerts.stored = stored
	if len(count) > 0 {
		m.failf("alerts.jsonl has %d alerts that the table has not", len(count))
	}
}
