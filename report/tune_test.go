package report_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/cis490/fleet-health/report"
	"github.com/cis490/fleet-health/store"
	"github.com/google/go-cmp/cmp"
)

// tunedHost is a row of tune.
type tunedHost struct {
	Host        string
	Ships       int
	Median      int64 `json:"median_seconds"`
	P99         int64 `json:"p99_seconds"`
	Longest     int64 `json:"longest_seconds"`
	SaidNow     int   `json:"said_now"`
	SoonOverNow int   `json:"soon_over_now"`
	Said        map[string]int64
	SoonOver    map[string]int64 `json:"soon_over"`
	Recovered   map[string]int64
	Hours       []int64 `json:"ships_by_hour_of_week"`
	Recommended string
	Reason      string
}

const hold = 15 * store.Minute

// tune returns the rows of tune.
func (p *past) tune(w report.Window, hosts ...string) (list []tunedHost) {
	p.t.Helper()
	var out bytes.Buffer
	p.check(p.s.View(p.t.Context(), func(tx *store.Tx) error {
		return report.Tune(tx, &out, report.Style{Format: report.FormatJSON}, w, report.TuneOptions{Hosts: hosts, Outages: []string{"receiver-down"}, Hold: hold})
	}))
	p.check(json.Unmarshal(out.Bytes(), &list))
	return list
}

// TestTuneCountsSilences compares the thresholds with a model: for each, walk along the ships.
func TestTuneCountsSilences(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(21, 1))
	p := newPast(t)
	p.pass(now)
	var ats []int64
	for at := now - 6*24*store.Hour; at < now; {
		ats = append(ats, at)
		pause := store.Minute + r.Int64N(4*store.Minute)
		switch r.IntN(12) {
		case 0:
			pause = r.Int64N(2 * store.Hour)
		case 1:
			pause = r.Int64N(30*store.Hour) / (1 + r.Int64N(20))
		}
		at += pause
	}
	p.ships("lab-1", ats...)
	p.ships("lab-2", now-store.Hour)
	got := p.tune(report.Window{Since: now - 7*24*store.Hour, Until: now})
	if len(got) != 2 || got[0].Host != "lab-1" || got[0].Ships != len(ats) || got[1].Ships != 1 {
		t.Fatalf("got %+v", got)
	}
	said, soon, recovered := map[string]int64{}, map[string]int64{}, map[string]int64{}
	for key := range got[0].Said {
		s, err := strconv.ParseInt(key, 10, 64)
		p.check(err)
		threshold := s * store.Second
		said[key], soon[key], recovered[key] = 0, 0, 0
		for n, at := range ats {
			if n == len(ats)-1 {
				if now-at > threshold {
					said[key]++
				}
				break
			}
			if ats[n+1]-at <= threshold {
				continue
			}
			said[key]++
			if ats[n+1]-at <= threshold+hold {
				soon[key]++
			}
			end := n + 1 // of the ships without such a silence
			for end+1 < len(ats) && ats[end+1]-ats[end] <= threshold {
				end++
			}
			if ats[end]-ats[n+1] > hold {
				recovered[key]++
			}
		}
	}
	if diff := cmp.Diff([]map[string]int64{said, soon, recovered}, []map[string]int64{got[0].Said, got[0].SoonOver, got[0].Recovered}); diff != "" {
		t.Errorf("said, soon over, recovered (-model +tune):\n%s", diff)
	}
	ships := int64(0)
	for _, n := range got[0].Hours {
		ships += n
	}
	if len(got[0].Hours) != store.Slots || ships != int64(len(ats)) {
		t.Errorf("%d ships in %d hours of the week", ships, len(got[0].Hours))
	}
}

// TestTuneRecommends a threshold if silences were said again and again that were over at once.
func TestTuneRecommends(t *testing.T) {
	t.Parallel()
	day := 24 * store.Hour
	p := newPast(t)
	p.pass(now)
	var ats []int64
	for d := range int64(28) {
		for at := now - (28-d)*day; at < now-(27-d)*day-50*store.Minute; at += 5 * store.Minute {
			ats = append(ats, at)
		}
	}
	p.ships("lab-1", ats...) // it pauses for 50 minutes a day
	p.ships("lab-2", ats...)
	p.ships("lab-3", ats[:30]...)
	p.ships("lab-4", ats[len(ats)-200:]...)
	p.check(p.s.Update(t.Context(), func(tx *store.Tx) error {
		for d := range int64(20) {
			at := now - (20-d)*day
			i := store.Incident{Subject: "lab-1", Symptom: "silent", BeganAt: at - 50*store.Minute, OpenedAt: at - 10*store.Minute, LastFoundAt: at}
			i.SaidAt.Int64, i.SaidAt.Valid = i.OpenedAt, true
			i.ClearAt.Int64, i.ClearAt.Valid = at, true
			i.ResolvedAt.Int64, i.ResolvedAt.Valid = at+hold, true
			if err := tx.SaveIncident(&i); err != nil {
				return err
			}
		}
		return nil
	}))
	w := report.Window{Since: now - 28*day - 1, Until: now - 30*store.Minute}
	want := map[string]string{
		"lab-1": "silent-threshold=1h: 20 silences were said, of which 20 were over within 15m; after 1h it would have been 0, of which 0 over within 15m",
		"lab-2": "as it is: 0 silences were said, of which 0 were over within 15m",
		"lab-3": "nothing: 30 ships are too few to tell",
		"lab-4": "nothing: 17h00m are too short to tell",
	}
	got := map[string]string{}
	for _, host := range p.tune(w) {
		got[host.Host] = host.Recommended + ": " + host.Reason
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("recommended (-want +got):\n%s", diff)
	}
	if one := p.tune(w, "lab-1"); len(one) != 1 || one[0].Median != 300 || one[0].P99 != 300 || one[0].Longest != 3300 || one[0].SaidNow != 20 || one[0].SoonOverNow != 20 {
		t.Errorf("lab-1 is %+v", one)
	}
}

// TestTuneLeavesOutWhatIsNoHosts: the silences of an outage of the receiver, and of a time in which the
// index was not read, say nothing about a host.
func TestTuneLeavesOutWhatIsNoHosts(t *testing.T) {
	t.Parallel()
	p := newPast(t)
	p.pass(now)
	at := func(minute int64) int64 { return now - minute*store.Minute }
	var ats []int64
	for m := int64(1000); m >= 0; m-- {
		if m > 800 && m < 900 || m > 500 && m < 600 || m > 200 && m < 300 {
			continue
		}
		ats = append(ats, at(m))
	}
	p.ships("lab-1", ats...)
	p.blind(at(580), at(520))
	p.check(p.s.Update(t.Context(), func(tx *store.Tx) error {
		i := store.Incident{Subject: store.SubjectReceiver, Symptom: "receiver-down", BeganAt: at(899), OpenedAt: at(895), LastFoundAt: at(801)}
		i.ResolvedAt.Int64, i.ResolvedAt.Valid = at(790), true
		return tx.SaveIncident(&i)
	}))
	got := p.tune(report.Window{Since: at(1100), Until: now})
	if len(got) != 1 || got[0].Said["1800"] != 1 || got[0].Longest != 6000 {
		t.Errorf("got %+v, want one silence", got)
	}
}

// TestTuneShowsHostileNames quoted.
func TestTuneShowsHostileNames(t *testing.T) {
	t.Parallel()
	p := newPast(t)
	p.pass(now)
	p.ships("\x1b[2J", now-store.Hour)
	var out bytes.Buffer
	p.check(p.s.View(t.Context(), func(tx *store.Tx) error {
		names, err := tx.HostNames()
		if err != nil {
			return err
		}
		return report.Tune(tx, &out, report.Style{}, report.Window{Until: now}, report.TuneOptions{Hosts: names, Hold: hold})
	}))
	if strings.Contains(out.String(), "\x1b") {
		t.Errorf("it has a control character: %q", out.String())
	}
}
