package notify

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/cis490/fleet-health/store"
)

// SymptomStopped is the symptom of SubjectPasses: no pass has succeeded for some time. A pass
// cannot find that.
const (
	SymptomStopped = "passes-stopped"
	SubjectPasses  = "(passes)"
)

// stoppedAfter is the age of the last pass from which passes have stopped, in microseconds.
const stoppedAfter = 30 * store.Minute

// stoppedMessage says that passes have stopped, or that they go on.
type stoppedMessage struct {
	Message
	began int64         // when a pass last succeeded, in microseconds
	since sql.NullInt64 // what is then stored of the sink
}

// stopped returns what the sink is told of passes, nil for nothing. change is false if it knows
// that: only an Alertmanager is told again.
func (p *planner) stopped(w *work) (m *stoppedMessage, change bool) {
	if p.succeeded == 0 {
		return nil, false
	}
	told := w.row.StoppedAt
	m = &stoppedMessage{Message: Message{At: clock(p.now), Subject: SubjectPasses, Symptom: SymptomStopped, Hosts: []string{}, Said: true}, began: p.succeeded}
	switch late := p.now-p.succeeded > stoppedAfter; {
	case late:
		m.Event, m.since = store.EventOpened, sql.NullInt64{Int64: p.succeeded, Valid: true}
		m.Detail = fmt.Sprintf("no pass has succeeded since %s: nothing else is found until one does", time.UnixMicro(p.succeeded).UTC().Format(time.RFC3339))
		m.Fix = "on the receiver, look at `systemctl status cis490-fleet-health.timer` and `sudo journalctl -n 20 -u cis490-fleet-health`"
		change = !told.Valid
	case told.Valid:
		m.Event, m.began = store.EventResolved, told.Int64
		m.Detail = "passes go on since " + time.UnixMicro(p.succeeded).UTC().Format(time.RFC3339)
		change = true
	default:
		return nil, false
	}
	if ok, _ := w.sink.wants(&store.SentEvent{SubjectEvent: store.SubjectEvent{Subject: SubjectPasses,
		IncidentEvent: store.IncidentEvent{Event: m.Event, Symptom: SymptomStopped}}}, func() ([]string, error) { return nil, nil }); !ok {
		return nil, false
	}
	m.Page = w.sink.link(nil)
	m.DeliveryID = deliveryID(&w.row, 0, m.began, m.Event)
	return m, change
}

// planStopped makes a job of what the sink is told of passes, once.
func (p *planner) planStopped(w *work) error {
	m, change := p.stopped(w)
	if !change {
		return nil
	}
	w.jobs = append(w.jobs, job{events: 1,
		send: func(ctx context.Context) error { return w.sink.send(ctx, &m.Message) },
		sent: func(tx *store.Tx, now int64) error { return tx.SetStopped(w.row.ID, m.since) }})
	return nil
}
