package report_test

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cis490/fleet-health/report"
	"github.com/cis490/fleet-health/store"
	"github.com/cis490/fleet-health/store/isotime"
	"github.com/google/go-cmp/cmp"
)

// past is a database in which a test stores passes, alerts and gaps of past days.
type past struct {
	t    *testing.T
	path string
	s    *store.Store
	// older means that passes store alerts and no incidents, as an older version did.
	older bool
}

func newPast(t *testing.T) *past {
	t.Helper()
	p := &past{t: t, path: filepath.Join(t.TempDir(), "fleet.db")}
	var err error
	p.s, err = store.Open(t.Context(), p.path, store.Options{Now: now})
	p.check(err)
	t.Cleanup(func() { p.s.Close() })
	return p
}

func (p *past) check(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// ships stores ships of a host.
func (p *past) ships(host string, ats ...int64) {
	p.t.Helper()
	source, err := p.s.Source(p.t.Context(), store.StreamIndex)
	p.check(err)
	b := &store.Batch{Source: source, Now: now, Series: []store.Series{{Host: host}}}
	for _, at := range ats {
		b.Ships = append(b.Ships, store.Ship{ReceivedAt: at, LineHash: uint64(at)})
	}
	_, err = p.s.Save(p.t.Context(), b)
	p.check(err)
}

// blind stores a gap that no later pass has read.
func (p *past) blind(from, to int64) {
	p.t.Helper()
	source, err := p.s.Source(p.t.Context(), store.StreamIndex)
	p.check(err)
	_, err = p.s.Save(p.t.Context(), &store.Batch{Source: source, Now: now, Gaps: []store.Gap{{Reason: store.GapTruncated, From: from, To: to}}})
	p.check(err)
}

// pass stores a pass in which every detector looked, and found that these hosts are silent.
// The incidents of all others end.
func (p *past) pass(at int64, silent ...string) {
	p.t.Helper()
	pass := store.Pass{StartedAt: at, AsOf: at}
	p.check(p.s.BeginPass(p.t.Context(), &pass))
	p.check(p.s.Update(p.t.Context(), func(tx *store.Tx) error {
		for _, symptom := range []string{"silent", "fatal-only", "unstamped"} {
			if err := tx.Evaluated(symptom, at, 24*store.Hour); err != nil {
				return err
			}
		}
		if p.older {
			return p.alert(tx, at, pass.ID, silent)
		}
		return p.follow(tx, at, silent)
	}))
	pass.Outcome.String, pass.Outcome.Valid = store.OutcomeOK, true
	p.check(p.s.FinishPass(p.t.Context(), &pass))
}

// follow opens, continues and ends the incidents of a pass.
func (p *past) follow(tx *store.Tx, at int64, silent []string) error {
	open, err := tx.OpenIncidents()
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, i := range open {
		known[i.Subject] = true
		if i.LastFoundAt = at; !slices.Contains(silent, i.Subject) {
			i.ResolvedAt, i.Resolution = sql.NullInt64{Int64: at, Valid: true}, sql.NullString{String: store.ResolvedRecovered, Valid: true}
		}
		if err := tx.SaveIncident(&i); err != nil {
			return err
		}
	}
	for _, host := range silent {
		if known[host] {
			continue
		}
		i := store.Incident{Subject: host, Symptom: "silent", BeganAt: at, OpenedAt: at, LastFoundAt: at}
		if err := tx.SaveIncident(&i); err != nil {
			return err
		}
		if err := tx.AddEvent(store.IncidentEvent{At: at, IncidentID: i.ID, Event: store.EventOpened, Symptom: i.Symptom}); err != nil {
			return err
		}
	}
	return nil
}

// alert stores the alerts of a pass of an older version.
func (p *past) alert(tx *store.Tx, at, pass int64, silent []string) error {
	for _, host := range silent {
		a := store.Alert{DedupKey: host + isotime.Format(at/store.Hour*store.Hour), Host: host, Symptom: "silent", DetectedAt: at, LastFoundAt: at}
		a.PassID.Int64, a.PassID.Valid = pass, true
		if _, err := tx.AddAlert(a); err != nil {
			return err
		}
		known, err := tx.Alert(a.DedupKey)
		if err == nil {
			err = tx.FoundAgain(known.ID, at)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// states returns the state and the open symptoms of each host in the report of a window.
func (p *past) states(w report.Window) map[string]string {
	p.t.Helper()
	reader, err := store.OpenReadOnly(p.t.Context(), p.path)
	p.check(err)
	defer reader.Close()
	var out bytes.Buffer
	p.check(reader.View(p.t.Context(), func(tx *store.Tx) error {
		return report.Fleet(tx, &out, report.Style{Format: report.FormatJSON}, w, report.FleetOptions{Silences: []string{"silent"}})
	}))
	var rows []struct {
		Host, State string
		Open        []string `json:"open_symptoms"`
	}
	p.check(json.Unmarshal(out.Bytes(), &rows))
	states := map[string]string{}
	for _, r := range rows {
		states[r.Host] = strings.TrimSpace(r.State + " " + strings.Join(r.Open, " "))
	}
	return states
}

// TestAPrunedPassLeavesNoSymptomOpen: a report of the past showed a symptom that had ended
// half an hour before. The last pass before that time was pruned, but the pass that had
// raised the alert was not.
func TestAPrunedPassLeavesNoSymptomOpen(t *testing.T) {
	t.Parallel()
	for _, older := range []bool{false, true} {
		t.Run(fmt.Sprint("older ", older), func(t *testing.T) {
			t.Parallel()
			p := newPast(t)
			p.older = older
			const day = now - 40*24*store.Hour // on the hour
			p.ships("lab-1", day-store.Hour, day+12*store.Minute, day+50*store.Minute)
			for at := int64(day); at <= day+2*store.Hour; at += 5 * store.Minute {
				if at < day+15*store.Minute {
					p.pass(at, "lab-1")
				} else {
					p.pass(at)
				}
			}
			p.older = false
			p.pass(now-store.Hour, "lab-2") // the first incident of an older database
			for i := range int64(store.KeptPasses) {
				p.pass(now - i*store.Second)
			}
			open, over := report.Window{Since: day - store.Hour, Until: day + 10*store.Minute}, report.Window{Since: day, Until: day + 50*store.Minute}
			for _, pruned := range []bool{false, true} {
				want := "healthy"
				if pruned {
					_, err := p.s.Prune(t.Context(), store.PruneOptions{Before: now - 24*store.Hour})
					p.check(err)
					want = "unknown"
				}
				if got := p.states(over)["lab-1"]; got != want {
					t.Errorf("passes pruned: %t: half an hour after its silence lab-1 is %s, want %s", pruned, got, want)
				}
				if got := p.states(open)["lab-1"]; got != "silent silent" {
					t.Errorf("passes pruned: %t: in its silence lab-1 is %s", pruned, got)
				}
			}
		})
	}
}

// TestAStateDoesNotDependOnSince: a host whose last ship was before a gap became
// healthy when the window began after the gap.
func TestAStateDoesNotDependOnSince(t *testing.T) {
	t.Parallel()
	p := newPast(t)
	p.ships("before", now-4*store.Hour)
	p.ships("after", now-2*store.Hour)
	p.blind(now-4*store.Hour+1, now-3*store.Hour)
	p.pass(now)
	want := map[string]string{"before": "unknown", "after": "healthy"}
	for _, length := range []int64{store.Minute, store.Hour, 3*store.Hour + 1, 24 * store.Hour, 40 * 24 * store.Hour} {
		if diff := cmp.Diff(want, p.states(report.Window{Since: now - length, Until: now})); diff != "" {
			t.Errorf("over %s (-want +report):\n%s", report.Age(length), diff)
		}
	}
}
