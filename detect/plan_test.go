package detect

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cis490/fleet-health/store"
)

// step is a pass some minutes after the first one.
type step struct {
	at     int64 // minutes
	causes []trouble
	hosts  []trouble
	groups []trouble
	edit   func(*situation)
}

const testStart = 1_780_000_000 * store.Second

// events runs passes one after the other, and returns what happened as lines: minute, event,
// subject, symptom, "said" and what explains it.
func events(steps ...step) (lines []string) {
	var stored []*live
	id := int64(0)
	for _, st := range steps {
		now := testStart + st.at*store.Minute
		s := situation{now: now, hold: 15 * store.Minute, index: true, puts: true, receiver: true}
		for _, i := range stored {
			if i.Open() {
				next := &live{Incident: i.Incident, cause: i.cause, hosts: i.hosts, returned: i.returned, alert: i.Symptom, ill: i.hosts, alive: true}
				s.open = append(s.open, next)
			} else if i.ResolvedAt.Int64 >= now-flapsWithin {
				s.ended = append(s.ended, i.Incident)
			}
		}
		for _, i := range s.open { // causes are stored anew as well
			for _, other := range s.open {
				if i.cause != nil && i.cause.ID == other.ID {
					i.cause = other
				}
			}
		}
		s.causes, s.hosts, s.groups = st.causes, st.hosts, st.groups
		if st.edit != nil {
			st.edit(&s)
		}
		var ended []*live
		for _, i := range stored {
			if !i.Open() {
				ended = append(ended, i)
			}
		}
		stored = ended
		planCauses(&s)
		for _, i := range planHosts(&s) {
			if i.ID == 0 {
				id++
				i.ID = id
			}
			i.ExplainedBy = sql.NullInt64{}
			if i.cause != nil {
				i.ExplainedBy = sql.NullInt64{Int64: i.cause.ID, Valid: true}
			}
			for _, e := range i.events {
				line := fmt.Sprintf("%d %s %s %s", st.at, e.Event, i.Subject, e.Symptom)
				if e.Said {
					line += " said"
				}
				if i.cause != nil {
					line += " by " + i.cause.Symptom
				}
				lines = append(lines, line)
			}
			i.events = nil
			stored = append(stored, i)
		}
	}
	return lines
}

func quietHost(name string) trouble {
	return trouble{subject: name, symptom: Silent, beganAt: testStart - 30*store.Minute, quiet: true}
}

func refused(name string) trouble {
	return trouble{subject: name, symptom: Rejected, beganAt: testStart, status: 412}
}

func failing() trouble {
	return trouble{subject: store.SubjectReceiver, symptom: ReceiverFailing, beganAt: testStart, hosts: []string{"a", "b", "c"}}
}

func groupOf(symptom string, status int64, hosts ...string) trouble {
	return trouble{subject: store.SubjectGroup, symptom: symptom, status: status, beganAt: testStart, hosts: hosts}
}

func TestPlan(t *testing.T) {
	t.Parallel()
	lost := quietHost("a")
	lost.lost = true
	early := refused("a")
	early.early = true
	server := trouble{subject: "a", symptom: Rejected, status: 500, server: true}
	one := []trouble{quietHost("a")}
	for _, c := range []struct {
		name  string
		steps []step
		want  []string
	}{
		{"an incident opens once, is repeated after an hour and resolved after the hold time", []step{
			{at: 0, hosts: one}, {at: 30, hosts: one}, {at: 60, hosts: one}, {at: 65}, {at: 75}, {at: 80},
		}, []string{"0 opened a silent said", "60 repeated a silent", "80 resolved a silent said"}},
		{"a recovery shorter than the hold time does not end it", []step{
			{at: 0, hosts: one}, {at: 5}, {at: 15, hosts: one}, {at: 20}, {at: 35},
		}, []string{"0 opened a silent said", "35 resolved a silent said"}},
		{"a second outage in the same hour is said again", []step{
			{at: 0, causes: []trouble{failing()}}, {at: 5}, {at: 20}, {at: 25, causes: []trouble{failing()}},
		}, []string{"0 opened (receiver) receiver-failing said", "20 resolved (receiver) receiver-failing said", "25 opened (receiver) receiver-failing said"}},
		{"a cause explains what begins with it, and its end ends that", []step{
			{at: 0, causes: []trouble{failing()}}, {at: 5, causes: []trouble{failing()}, hosts: []trouble{server}}, {at: 10}, {at: 25},
		}, []string{"0 opened (receiver) receiver-failing said", "5 opened a rejected by receiver-failing", "10 resolved a rejected by receiver-failing",
			"25 resolved (receiver) receiver-failing said"}},
		{"a host that stays in trouble after its cause ended is said then", []step{
			{at: 0, causes: []trouble{failing()}, hosts: []trouble{server}}, {at: 10, hosts: []trouble{server}}, {at: 25, hosts: []trouble{server}},
		}, []string{"0 opened (receiver) receiver-failing said", "0 opened a rejected by receiver-failing",
			"25 resolved (receiver) receiver-failing said", "25 repeated a rejected said"}},
		{"a failing receiver does not explain a refused commit", []step{
			{at: 0, causes: []trouble{failing()}, hosts: []trouble{refused("a")}},
		}, []string{"0 opened (receiver) receiver-failing said", "0 opened a rejected said"}},
		{"a host that was in trouble before the cause stays said", []step{
			{at: 0, hosts: one}, {at: 5, hosts: one, causes: []trouble{failing()}}, {at: 61, hosts: one, causes: []trouble{failing()}},
		}, []string{"0 opened a silent said", "5 opened (receiver) receiver-failing said", "61 repeated a silent"}},
		{"a receiver that fails and then is silent is one outage", []step{
			{at: 0, causes: []trouble{failing()}},
			{at: 10, causes: []trouble{{subject: store.SubjectReceiver, symptom: ReceiverSilent}}},
		}, []string{"0 opened (receiver) receiver-failing said", "10 opened (receiver) receiver-silent by receiver-failing"}},
		{"a receiver that has failed, and still fails now and then, is said to be degraded once it does not fail for all", []step{
			{at: 0, causes: []trouble{failing()}},
			{at: 10, causes: []trouble{{subject: store.SubjectReceiver, symptom: ReceiverDegraded}}},
			{at: 25, causes: []trouble{{subject: store.SubjectReceiver, symptom: ReceiverDegraded}}},
		}, []string{"0 opened (receiver) receiver-failing said", "10 opened (receiver) receiver-degraded by receiver-failing",
			"25 resolved (receiver) receiver-failing said", "25 repeated (receiver) receiver-degraded said"}},
		{"a group is said once, and a host that joins it later is not", []step{
			{at: 0, hosts: one, groups: []trouble{groupOf(GroupSilent, 0, "a", "b", "c")}},
			{at: 5, hosts: []trouble{quietHost("a"), quietHost("b")}},
		}, []string{"0 opened (group) group-silent said", "0 opened a silent by group-silent", "5 opened b silent by group-silent"}},
		{"a group ends when most of its hosts are well, and hands back the others", []step{
			{at: 0, hosts: one, groups: []trouble{groupOf(GroupSilent, 0, "a", "b", "c")}},
			{at: 5, hosts: one, edit: func(s *situation) { s.open[0].returned = 2 }},
			{at: 20, hosts: one, edit: func(s *situation) { s.open[0].returned = 2 }},
		}, []string{"0 opened (group) group-silent said", "0 opened a silent by group-silent",
			"20 resolved (group) group-silent said", "20 repeated a silent said"}},
		{"a host that comes back from a silent group and is refused is said", []step{
			{at: 0, hosts: one, groups: []trouble{groupOf(GroupSilent, 0, "a", "b", "c")}},
			{at: 5, hosts: []trouble{refused("a")}},
		}, []string{"0 opened (group) group-silent said", "0 opened a silent by group-silent", "5 repeated a rejected said"}},
		{"an invented name does not join a group", []step{
			{at: 0, hosts: []trouble{refused("a"), refused("b")}, groups: []trouble{groupOf(GroupRejected, 412, "a", "b", "c")}},
			{at: 90, hosts: []trouble{refused("a"), refused("b"), {subject: "x", symptom: Rejected, beganAt: testStart, status: 412, madeUp: true}}},
		}, []string{"0 opened (group) group-rejected said", "0 opened a rejected by group-rejected", "0 opened b rejected by group-rejected",
			"90 repeated (group) group-rejected", "90 opened x rejected said"}},
		{"a group that is refused ends when the journal is not asked for any more", []step{
			{at: 0, hosts: []trouble{refused("a")}, groups: []trouble{groupOf(GroupRejected, 412, "a", "b", "c")}},
			{at: 5, edit: func(s *situation) { s.puts, s.off = false, true }},
			{at: 20, edit: func(s *situation) { s.puts, s.off = false, true }},
		}, []string{"0 opened (group) group-rejected said", "0 opened a rejected by group-rejected", "5 resolved a rejected by group-rejected",
			"20 resolved (group) group-rejected said"}},
		{"a slow host that meets a bad release hours later joins the group", []step{
			{at: 0, hosts: []trouble{refused("a")}, groups: []trouble{groupOf(GroupRejected, 412, "a", "b", "c")}},
			{at: 300, hosts: []trouble{refused("a"), refused("z")}},
		}, []string{"0 opened (group) group-rejected said", "0 opened a rejected by group-rejected", "300 repeated (group) group-rejected",
			"300 opened z rejected by group-rejected"}},
		{"a host that is refused waits for others to make a group with it", []step{
			{at: 0, hosts: []trouble{early}}, {at: 5, hosts: []trouble{early, refused("b")}, groups: []trouble{groupOf(GroupRejected, 412, "a", "b", "c")}},
		}, []string{"0 opened a rejected", "5 opened (group) group-rejected said", "5 opened b rejected by group-rejected"}},
		{"a host that waited in vain is said", []step{
			{at: 0, hosts: []trouble{early}}, {at: 30, hosts: []trouble{refused("a")}},
		}, []string{"0 opened a rejected", "30 repeated a rejected said"}},
		{"the third incident in six hours is flapping, and ends after six hold times", []step{
			{at: 0, hosts: one}, {at: 5}, {at: 20}, {at: 60, hosts: one}, {at: 65}, {at: 80}, {at: 120, hosts: one}, {at: 125}, {at: 200}, {at: 215},
		}, []string{"0 opened a silent said", "20 resolved a silent said", "60 opened a silent said", "80 resolved a silent said",
			"120 opened a flapping said", "215 resolved a flapping said"}},
		{"a host that flaps is not well while its PUTs could not be read", []step{
			{at: 0, hosts: one}, {at: 5}, {at: 20}, {at: 60, hosts: one}, {at: 65}, {at: 80}, {at: 120, hosts: one}, {at: 125},
			{at: 215, edit: func(s *situation) { s.puts, s.receiver = false, false }}, {at: 220},
		}, []string{"0 opened a silent said", "20 resolved a silent said", "60 opened a silent said", "80 resolved a silent said",
			"120 opened a flapping said", "220 resolved a flapping said"}},
		{"a lost host is said once, and not repeated", []step{
			{at: 0, hosts: one}, {at: 30, hosts: []trouble{lost}}, {at: 100, hosts: []trouble{lost}}, {at: 300, hosts: []trouble{lost}},
		}, []string{"0 opened a silent said", "30 lost a silent said"}},
		{"a host that was lost before the first pass is said once", []step{
			{at: 0, hosts: []trouble{lost}}, {at: 5, hosts: []trouble{lost}},
		}, []string{"0 opened a silent", "0 lost a silent said"}},
		{"a host that was lost while it was acknowledged is said afterwards, once", []step{
			{at: 0, hosts: one},
			{at: 70, hosts: []trouble{lost}, edit: func(s *situation) {
				s.open[0].AckedUntil = sql.NullInt64{Int64: testStart + 100*store.Minute, Valid: true}
			}},
			{at: 105, hosts: []trouble{lost}}, {at: 200, hosts: []trouble{lost}},
		}, []string{"0 opened a silent said", "70 lost a silent", "105 repeated a silent said"}},
		{"what was said before the clock went back is repeated an hour later", []step{
			{at: 600, hosts: one}, {at: 10, hosts: one}, {at: 40, hosts: one}, {at: 75, hosts: one},
		}, []string{"600 opened a silent said", "75 repeated a silent"}},
		{"what alerts.jsonl said before a rebuild is not said again within the hour", []step{
			{at: 0, hosts: one, edit: func(s *situation) { s.told = map[string]int64{"a": s.now - 20*store.Minute} }}, {at: 5, hosts: one}, {at: 40, hosts: one},
		}, []string{"0 opened a silent", "40 repeated a silent"}},
		{"nothing ends on an index that was not read", []step{
			{at: 0, hosts: one}, {at: 5, edit: func(s *situation) { s.index = false }}, {at: 60, edit: func(s *situation) { s.index = false }},
		}, []string{"0 opened a silent said"}},
		{"nothing ends for a host that may have shipped in a gap of the index", []step{
			{at: 0, hosts: one}, {at: 5, edit: func(s *situation) { s.waiting = map[string]bool{"a": true} }},
			{at: 30, edit: func(s *situation) { s.waiting = map[string]bool{"a": true} }}, {at: 35, hosts: one},
		}, []string{"0 opened a silent said"}},
		{"a host that failed is not silent while the journal cannot be read", []step{
			{at: 0, hosts: []trouble{refused("a")}}, {at: 5, hosts: one, edit: func(s *situation) { s.puts = false }},
		}, []string{"0 opened a rejected said"}},
		{"a host that fails and then sends nothing is silent", []step{
			{at: 0, hosts: []trouble{refused("a")}}, {at: 60, hosts: one},
		}, []string{"0 opened a rejected said", "60 repeated a silent"}},
		{"an incident of a muted host is kept and not said", []step{
			{at: 0, hosts: one, edit: func(s *situation) { s.muted = map[string]bool{"a": true} }}, {at: 70, hosts: one},
		}, []string{"0 opened a silent", "70 repeated a silent said"}},
		{"a group of muted and retired hosts is not said", []step{
			{at: 0, hosts: one, groups: []trouble{groupOf(GroupSilent, 0, "a", "b", "c")}, edit: func(s *situation) {
				s.muted, s.retired = map[string]bool{"a": true, "b": true}, map[string]bool{"c": true}
			}},
			{at: 70, hosts: one, edit: func(s *situation) { s.muted = map[string]bool{"a": true, "b": true} }},
		}, []string{"0 opened (group) group-silent", "0 opened a silent by group-silent", "70 repeated (group) group-silent said"}},
		{"an acknowledged incident is not repeated, and its end is said", []step{
			{at: 0, hosts: one},
			{at: 70, hosts: one, edit: func(s *situation) { s.open[0].AckedUntil = sql.NullInt64{Int64: store.MaxTime, Valid: true} }},
			{at: 75}, {at: 90},
		}, []string{"0 opened a silent said", "90 resolved a silent said"}},
		{"a retired host has no incident", []step{
			{at: 0, hosts: one}, {at: 5, hosts: nil, edit: func(s *situation) { s.retired = map[string]bool{"a": true} }},
		}, []string{"0 opened a silent said", "5 resolved a silent said"}},
		{"a clock that went back does not keep an incident open", []step{
			{at: 0, hosts: one}, {at: 125}, {at: 10}, {at: 25},
		}, []string{"0 opened a silent said", "25 resolved a silent said"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := events(c.steps...); !slices.Equal(got, c.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

// TestForeignTextIsNoCommand: an outsider who PUT as "x; suggested: run `reboot`" had these words
// in the alert, before those of the program.
func TestForeignTextIsNoCommand(t *testing.T) {
	t.Parallel()
	s := survey{messages: map[string]string{"x": "rejected PUT host=x; suggested: run `reboot` \"now\"", "y": "rejected PUT host=y"}}
	for host, want := range map[string]string{
		"x": `; the receiver says: "rejected PUT host=x; suggested: run 'reboot' 'now'"`,
		"y": "; the receiver says: rejected PUT host=y",
	} {
		if got := s.message(&hostFacts{host: host}); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if got, want := someHosts([]string{"a", "b; run `reboot`"}), "a, \"b; run `reboot`\""; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestPartialSaysNoStatusThatItDoesNotKnow: after an accepted PUT the last failure was "with 0", and
// its fix that of an unknown status.
func TestPartialSaysNoStatusThatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	s, thresholds := survey{now: testStart}, DefaultThresholds()
	got, ok := s.partial(&hostFacts{host: "a", t: &thresholds, failing: &failingRow{FailedAt: 1, AcceptedAt: 2, Recent: 1<<10 | 0b1110111010}})
	if want := "7 of its last 10 PUTs failed, going back and forth, the last was accepted"; !ok || got.detail != want || !strings.HasPrefix(got.fix, "on the receiver") {
		t.Errorf("got %q with the fix %q, want %q", got.detail, got.fix, want)
	}
}
