package report

import (
	"io"
	"time"

	"github.com/cis490/fleet-health/store"
)

// Alerts writes a table of all alerts, oldest first.
func Alerts(tx *store.Tx, w io.Writer) error {
	alerts, err := tx.Alerts()
	if err != nil {
		return err
	}
	cells := make([][]string, 0, len(alerts))
	for _, a := range alerts {
		cells = append(cells, []string{time.UnixMicro(a.DetectedAt).UTC().Format("2006-01-02 15:04:05"), Cell(a.Host), Cell(a.Symptom), Cell(a.Detail)})
	}
	return table(w, []column{{"detected (UTC)", false}, {"host", false}, {"symptom", false}, {"detail", false}}, cells)
}
