package report

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/cis490/fleet-health/store"
)

// TestReportsReadTheHoursOfTheirWindows: one ship from a clock that was ahead made a report
// read every hour of every host, which took seconds.
func TestReportsReadTheHoursOfTheirWindows(t *testing.T) {
	t.Parallel()
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "fleet.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	params := Window{Since: store.Hour, Until: 48 * store.Hour}.params(0)
	for name, value := range map[string]int64{"end_hour": 48, "host_id": 1, "from_at": store.Hour, "raw_hour": 48} {
		params[name] = value
	}
	params["by_hour"] = "[1]"
	type step struct {
		ID, Parent, NotUsed int
		Detail              string
	}
	var plan []step
	for _, query := range []string{lastShipsSQL, fleetShipHoursSQL, fleetPutsSQL, fleetUnstampedSQL, hostBeforeSQL, hostShipsSQL, hostPutsSQL, hostUnstampedSQL} {
		var steps []step
		if err := s.Update(t.Context(), func(tx *store.Tx) error { return tx.SelectNamed(&steps, "EXPLAIN QUERY PLAN "+query, params) }); err != nil {
			t.Fatal(err)
		}
		plan = append(plan, steps...)
	}
	hours := 0
	for _, step := range plan {
		_, how, ok := strings.Cut(step.Detail, "PRIMARY KEY (hour")
		if !ok {
			_, how, ok = strings.Cut(step.Detail, "PRIMARY KEY (day")
		}
		if ok {
			hours++
			if strings.HasPrefix(how, "<?)") {
				t.Errorf("it reads all before one: %s", step.Detail)
			}
		} else if strings.Contains(step.Detail, "_hours") || strings.Contains(step.Detail, "_days") {
			t.Errorf("it does not seek an hour, or a day: %s", step.Detail)
		}
	}
	if hours < 22 {
		t.Errorf("only %d steps seek hours, or days", hours)
	}
}
