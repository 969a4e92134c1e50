package store_test

import (
	"database/sql"
	"strings"
	"testing"

	"github.com/cis490/fleet-health/store"
	gocmp "github.com/google/go-cmp/cmp"
)

// TestIncidentsArePrunedAsAlertsAre shows which incidents, events, acts and rhythms stay.
func TestIncidentsArePrunedAsAlertsAre(t *testing.T) {
	t.Parallel()
	const alerts, before = now - 100*day, now - 10*day
	s, _ := mustOpen(t)
	mustSave(t, s, &store.Batch{Source: mustSource(t, s, store.StreamIndex), Now: now, Series: []store.Series{{Host: "lab-1"}, {Host: "lab-2"}, {Host: "lab-3"}},
		Ships: []store.Ship{{ReceivedAt: before - 29*day}, {ReceivedAt: before - 27*day, Series: 1}, {ReceivedAt: now, Series: 2}}})
	none := sql.NullInt64{}
	at := func(us int64) sql.NullInt64 { return sql.NullInt64{Int64: us, Valid: true} }
	ids := map[string]int64{}
	add := func(tx *store.Tx, name, subject string, resolved, cause sql.NullInt64) {
		t.Helper()
		i := store.Incident{Subject: subject, Symptom: name, BeganAt: now - 200*day, OpenedAt: now - 200*day, ResolvedAt: resolved, ExplainedBy: cause}
		if err := tx.SaveIncident(&i); err != nil {
			t.Fatal(err)
		}
		// A new incident is stored without its end.
		if err := tx.SaveIncident(&i); err != nil {
			t.Fatal(err)
		}
		ids[name] = i.ID
		for _, e := range []store.IncidentEvent{{At: before - 1, Event: store.EventRepeated}, {At: before, Event: store.EventRepeated}, {At: now - 200*day, Event: store.EventOpened}} {
			e.IncidentID, e.Symptom = i.ID, name
			if err := tx.AddEvent(e); err != nil {
				t.Fatal(err)
			}
		}
		if err := tx.JoinIncident(i.ID, []string{"lab-1"}, now); err != nil {
			t.Fatal(err)
		}
	}
	err := s.Update(t.Context(), func(tx *store.Tx) error {
		add(tx, "an open one", "lab-1", none, none)
		add(tx, "one that ended lately", "lab-1", at(alerts), none)
		add(tx, "an old one: gone", "lab-1", at(alerts-1), none)
		add(tx, "an open one of a name that is gone", "made-up", none, none)
		add(tx, "one of a name that is gone, which ended lately", "made-up", at(before), none)
		add(tx, "one of a name that is gone: gone", "made-up", at(before-1), none)
		add(tx, "one of a group", store.SubjectGroup, at(before-1), none)
		add(tx, "one of the receiver", store.SubjectReceiver, at(before-1), none)
		add(tx, "an old cause of a newer one", store.SubjectReceiver, at(alerts-1), none)
		add(tx, "a newer one", "lab-1", at(alerts), at(ids["an old cause of a newer one"]))
		add(tx, "an old cause of an old one: gone", store.SubjectReceiver, at(alerts-1), none)
		add(tx, "an old one with a cause: gone", "lab-1", at(alerts-1), at(ids["an old cause of an old one: gone"]))
		if err := tx.SetHost("lab-1", store.HostSettings{RetiredAt: at(now - 300*day)}); err != nil {
			return err
		}
		lab1, lab2 := sql.NullString{String: "lab-1", Valid: true}, sql.NullString{String: "lab-2", Valid: true}
		for _, a := range []store.Act{
			{At: alerts - 1, Act: store.ActUnmute, Host: lab1, Note: "an old one: gone"},
			{At: alerts, Act: store.ActUnmute, Host: lab1, Note: "a newer one"},
			{At: now - 300*day, Act: store.ActRetire, Host: lab1, Note: "why the host is retired"},
			{At: now - 301*day, Act: store.ActRetire, Host: lab1, Note: "why it was retired before: gone"},
			{At: now - 300*day, Act: store.ActRetire, Host: lab2, Note: "why another was retired before: gone"},
			{At: now - 300*day, Act: store.ActMute, Host: lab2, UntilAt: at(now + day), Note: "a mute that holds"},
			{At: now - 300*day, Act: store.ActMute, Host: lab2, UntilAt: at(alerts - 1), Note: "a mute that is over: gone"},
			{At: now - 302*day, Act: store.ActSet, Host: lab1, Note: "a 1h that was set anew: gone"},
			{At: now - 301*day, Act: store.ActSet, Host: lab1, Note: "a 1h that holds"},
			{At: now - 301*day, Act: store.ActSet, Host: lab1, Note: "b 1h that was unset: gone"},
			{At: now - 300*day, Act: store.ActUnset, Host: lab1, Note: "b 1h, the end of it: gone"},
			{At: now - 301*day, Act: store.ActSet, Host: lab1, Note: "c 1h that held lately"},
			{At: alerts, Act: store.ActUnset, Host: lab1, Note: "c 1h, its end"},
			{At: now - 300*day, Act: store.ActSet, Host: sql.NullString{String: "forgotten", Valid: true}, Note: "d 1h of a name that is gone: gone"},
		} {
			if strings.Contains(a.Note, " 1h") {
				a.Setting, a.Typed = sql.NullString{String: strings.Fields(a.Note)[0], Valid: true}, sql.NullString{String: "1h", Valid: true}
				a.Value = sql.NullInt64{Int64: store.Hour, Valid: a.Act == store.ActSet}
			}
			if err := tx.AddAct(a); err != nil {
				return err
			}
		}
		return tx.SaveRhythms([]store.Rhythm{{HostID: 1, Days: 3, Limit: 3000}, {HostID: 2, Days: 3, Limit: 3000}, {HostID: 3, Days: 3, Limit: 3000}})
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{
		"SELECT symptom FROM incidents WHERE symptom LIKE '%: gone'":                     nil,
		"SELECT COUNT(*) FROM incidents":                                                 {"8"},
		"SELECT COUNT(*) FROM incident_hosts":                                            {"8"},
		"SELECT event || ' ' || COUNT(*) FROM incident_events GROUP BY event ORDER BY 1": {"opened 8", "repeated 8"},
		"SELECT note FROM operator_acts ORDER BY note":                                   {"a 1h that holds", "a mute that holds", "a newer one", "c 1h that held lately", "c 1h, its end", "why the host is retired"},
		"SELECT host_id FROM rhythms ORDER BY 1":                                         {"2", "3"},
		"SELECT host_id || ' ' || COUNT(*) FROM rhythm_hours GROUP BY host_id":           {"2 168", "3 168"},
		"SELECT \"table\" FROM pragma_foreign_key_check":                                 nil,
	}
	for _, rows := range []int{1, 4000} { // one row at a time, and then nothing is left
		if p := mustPrune(t, s, store.PruneOptions{Before: before, Alerts: alerts, Rows: rows}); !p.Whole {
			t.Errorf("pruned %+v", p)
		}
		for query, want := range want {
			if diff := gocmp.Diff(want, mustSelect[string](t, s, query)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", query, diff)
			}
		}
	}
}
