package report_test

import (
	"bytes"
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/cis490/fleet-health/report"
	"github.com/cis490/fleet-health/store"
)

// metrics returns the metrics at a time.
func (p *past) metrics(at int64) string {
	p.t.Helper()
	reader, err := store.OpenReadOnly(p.t.Context(), p.path)
	p.check(err)
	defer reader.Close()
	var out bytes.Buffer
	p.check(reader.View(p.t.Context(), func(tx *store.Tx) error {
		return report.Metrics(tx, &out, at, report.MetricsOptions{Silences: []string{"silent"}, Outages: []string{"receiver-down"}, IndexBytes: -1})
	}))
	return out.String()
}

// wants fails unless the metrics have all lines, and none of the others.
func wants(t *testing.T, metrics string, lines, others []string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains("\n"+metrics, "\n"+line+"\n") {
			t.Errorf("there is no line %s", line)
		}
	}
	for _, other := range others {
		if strings.Contains(metrics, other) {
			t.Errorf("there is %s", other)
		}
	}
	if t.Failed() && len(metrics) < 1<<14 {
		t.Logf("metrics:\n%s", metrics)
	}
}

// TestMetricsOfAThousandHosts: of more hosts than that, those in trouble have metrics of
// their own, whatever their names. All others are still counted.
func TestMetricsOfAThousandHosts(t *testing.T) {
	t.Parallel()
	p := newPast(t)
	source, err := p.s.Source(t.Context(), store.StreamIndex)
	p.check(err)
	b := &store.Batch{Source: source, Now: now}
	for i := range 1005 {
		b.Series = append(b.Series, store.Series{Host: fmt.Sprintf("lab-%04d", i)})
		b.Ships = append(b.Ships, store.Ship{ReceivedAt: now - store.Minute, LineHash: uint64(i), Series: int32(i)})
	}
	_, err = p.s.Save(t.Context(), b)
	p.check(err)
	p.pass(now, "lab-1004")
	got := p.metrics(now)
	wants(t, got, []string{
		`fleet_health_host_state{host="lab-1004",state="silent"} 1`,
		`fleet_health_host_ships_last_hour{host="lab-0998"} 1`,
		`fleet_health_hosts{state="healthy"} 1004`,
		`fleet_health_hosts{state="silent"} 1`,
		`fleet_health_hosts_left_out 5`,
		`fleet_health_ships_last_hour 1005`,
	}, []string{"lab-0999", "lab-1003"})
	if n := strings.Count(got, "\nfleet_health_host_state{"); n != 1000 {
		t.Errorf("%d hosts have metrics of their own, want 1000", n)
	}
}

// TestMetricsOfIncidents: the status open is that of an incident for which report --check
// fails. A retired host is counted, and has no other metric.
func TestMetricsOfIncidents(t *testing.T) {
	t.Parallel()
	p := newPast(t)
	for _, host := range []string{"lab-1", "lab-2", "lab-3", "lab-4", "lab-5"} {
		p.ships(host, now-10*store.Minute)
	}
	p.pass(now, "lab-1", "lab-2", "lab-3", "lab-4")
	p.check(p.s.Update(t.Context(), func(tx *store.Tx) error {
		down := store.Incident{Subject: store.SubjectReceiver, Symptom: "receiver-down", BeganAt: now, OpenedAt: now, LastFoundAt: now}
		if err := tx.SaveIncident(&down); err != nil {
			return err
		}
		open, err := tx.OpenIncidents()
		if err != nil {
			return err
		}
		open[1].ExplainedBy = sql.NullInt64{Int64: down.ID, Valid: true}
		if err := tx.SaveIncident(&open[1]); err != nil {
			return err
		}
		for _, statement := range []string{
			fmt.Sprintf("UPDATE incidents SET acked_at = %d, acked_until = %d WHERE subject = 'lab-3'", now, store.MaxTime),
			fmt.Sprintf("UPDATE hosts SET muted_until = %d WHERE name = 'lab-4'", store.MaxTime),
			fmt.Sprintf("UPDATE hosts SET retired_at = %d WHERE name = 'lab-5'", now),
		} {
			if _, err := tx.Exec(statement); err != nil {
				return err
			}
		}
		return nil
	}))
	wants(t, p.metrics(now), []string{
		`fleet_health_open_incidents{status="open",symptom="receiver-down"} 1`,
		`fleet_health_open_incidents{status="open",symptom="silent"} 1`,
		`fleet_health_open_incidents{status="explained",symptom="silent"} 1`,
		`fleet_health_open_incidents{status="acknowledged",symptom="silent"} 1`,
		`fleet_health_open_incidents{status="muted",symptom="silent"} 1`,
		`fleet_health_hosts{state="retired"} 1`,
		`fleet_health_hosts_left_out 0`,
	}, []string{"lab-5"})
}

// TestMetricsOfGaps: a gap that was stored while the clock was ahead would have made an
// alert that lasts until the clock reaches its end.
func TestMetricsOfGaps(t *testing.T) {
	t.Parallel()
	p := newPast(t)
	p.ships("lab-1", now)
	p.blind(now-40*store.Minute, now-30*store.Minute)
	p.blind(now-10*store.Minute, now+store.Hour)
	p.pass(now)
	wants(t, p.metrics(now), []string{
		`fleet_health_open_gaps{reason="truncated",source="index"} 2`,
		fmt.Sprintf(`fleet_health_open_gap_end_timestamp_seconds{reason="truncated",source="index"} %.10ge+09`, float64(now-10*store.Minute)/1e15),
	}, nil)
}
