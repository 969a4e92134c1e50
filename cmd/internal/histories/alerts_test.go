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

// alertsModel is what is known of alerts and of what an operator does to their
// file.
type alertsModel struct {
	required map[string]bool // found by a good pass
	allowed  map[string]bool // and those that a killed pass may have found
	removed  map[string]bool // by the operator, from the file
	stored   []string        // those that the last good pass has left
	rotated  map[string]bool // in alerts.jsonl.1, where the next good pass finds them
	touched  bool            // by the operator, since the last good pass
	ahead    map[string]bool // read from the file before their hour: the table need not have them
}

func (m *machine) alertsPath() string { return m.dir + "/alerts.jsonl" }

// keysIn returns the dedup keys of the whole lines in the file of alerts.
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

// noteAhead notes which alerts of the file a pass has left alone, because their hour
// was to come.
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

// changeAlerts does something to the file, and notes which alerts are gone.
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

// truncateAlerts cuts the file anywhere, often inside a line.
func (m *machine) truncateAlerts() {
	m.changeAlerts(func(content string) string { return content[:m.r.IntN(len(content)+1)] })
}

// editAlerts does what an editor does, or another program.
func (m *machine) editAlerts() {
	m.changeAlerts(func(content string) string {
		lines := slices.Collect(strings.Lines(content))
		at := m.r.IntN(len(lines) + 1)
		switch m.r.IntN(5) {
		case 0: // a line goes
			if at < len(lines) {
				lines = slices.Delete(lines, at, at+1)
			}
		case 1: // a remark comes
			lines = slices.Insert(lines, at, []string{"# seen\n", "\n", "{}\n"}[m.r.IntN(3)])
		case 2: // an editor leaves the last newline out
			return strings.TrimSuffix(content, "\n")
		case 3: // half a line of somebody
			return content + []string{`{"ho`, "# se"}[m.r.IntN(2)]
		case 4: // the predecessor finds what the next pass may find
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

// checkAlerts compares the table with what must have been found, and the file
// with the table. The file is only the operator's to take alerts out of.
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
			continue // later it may be found, and stand there twice
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
