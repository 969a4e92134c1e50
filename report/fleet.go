package report

import (
	_ "embed"
	"fmt"
	"io"
	"time"

	"github.com/cis490/fleet-health/store"
)

//go:embed fleet.sql
var fleetSQL string

// fleetRow is one host of the fleet report.
type fleetRow struct {
	Host         string `db:"host"`
	LastShipAt   int64  `db:"last_ship_at"` // microseconds, 0 for never
	Ships        int    `db:"ships"`
	P2xx         int    `db:"puts_2xx"`
	P4xx         int    `db:"puts_4xx"`
	P5xx         int    `db:"puts_5xx"`
	Unstamped    int    `db:"unstamped"`
	OpenSymptoms string `db:"open_symptoms"`
}

// Fleet writes a table of the fleet as of now, troubled hosts first.
func Fleet(tx *store.Tx, w io.Writer, now int64) error {
	var rows []fleetRow
	err := tx.SelectNamed(&rows, fleetSQL, map[string]any{"now": now})
	if err != nil {
		return err
	}
	cells := make([][]string, 0, len(rows))
	for _, r := range rows {
		last, age := "never", ""
		if r.LastShipAt != 0 {
			last = time.UnixMicro(r.LastShipAt).UTC().Format("2006-01-02 15:04:05")
			age = Age(now - r.LastShipAt)
		}
		cells = append(cells, []string{Cell(r.Host), last, age, count(r.Ships), count(r.P2xx), count(r.P4xx), count(r.P5xx),
			count(r.Unstamped), r.OpenSymptoms})
	}
	return table(w, []column{{"host", false}, {"last ship (UTC)", false}, {"age", true}, {"ships", true}, {"2xx", true}, {"4xx", true},
		{"5xx", true}, {"unstamped", true}, {"open symptoms", false}}, cells)
}

func count(n int) string { return fmt.Sprint(n) }

// Age writes a length of time in microseconds for people: 48s, 3h12m, 5d4h.
func Age(us int64) string {
	s := max(us, 0) / store.Second
	switch {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm", s/60)
	case s < 48*3600:
		return fmt.Sprintf("%dh%02dm", s/3600, s/60%60)
	}
	return fmt.Sprintf("%dd%dh", s/86400, s/3600%24)
}
