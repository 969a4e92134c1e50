package notify

import (
	"context"

	"github.com/cis490/fleet-health/store"
)

// eventTest is the event of a message that only shows that a sink works.
const eventTest = "test"

// Try sends a test message to a sink, and returns why that failed, "" if it did not. now is in
// microseconds. An alert of a test ends after five minutes.
func Try(ctx context.Context, s *Sink, now int64) string {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	const detail = "a test of notify: the way to you works"
	var err error
	switch s.kind {
	case takesPings:
		err = s.ping.send(ctx, true, detail)
	case takesAlerts:
		err = s.alerts.post(ctx, []alert{alertOf("(test)", eventTest, "", detail, "", nil, now, now+5*store.Minute)})
	default:
		row := store.Sink{Seed: s.key}
		err = s.send(ctx, &Message{At: clock(now), Event: eventTest, Subject: "(test)", Symptom: eventTest, Hosts: []string{}, Said: true, Detail: detail,
			DeliveryID: deliveryID(&row, 0, now, eventTest), Page: s.link(nil)})
	}
	if err != nil {
		return reason(err)
	}
	return ""
}
