package report

import (
	"testing"

	"github.com/cis490/fleet-health/store"
)

// TestAlertsOfSubjectsStayTheirs: after a rebuild, the alerts of the receiver were those of a
// host that is named "(receiver)".
func TestAlertsOfSubjectsStayTheirs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, stored, symptom, want string }{
		{"an alert about the receiver is about it", store.SubjectReceiver, "receiver-silent", store.SubjectReceiver},
		{"an alert about a group is about it", store.SubjectGroup, "group-silent", store.SubjectGroup},
		{"a host with such a name is a host", store.StoredName("(receiver)"), "rejected", store.StoredName("(receiver)")},
		{"the predecessor knew only hosts", store.SubjectReceiver, "silent", store.StoredName("(receiver)")},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			line := AlertJSON(store.Alert{Host: c.stored, Symptom: c.symptom, DedupKey: store.AlertKey(store.AlertsName(c.stored), c.symptom, 1), DetectedAt: 1})
			read, ok := parseAlert([]byte(line))
			if !ok || !keyFits(read) {
				t.Fatalf("%s is not read: %+v", line, read)
			}
			if got := asStored(read).Host; got != c.want {
				t.Errorf("%s is about %s, want %s", line, got, c.want)
			}
		})
	}
}
