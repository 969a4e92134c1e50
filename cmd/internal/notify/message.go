package notify

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/cis490/fleet-health/store"
	"github.com/cis490/fleet-health/store/visible"
)

// Message is what a sink is told at once: an event, or in a storm the number of events.
// Webhooks and programs get it as JSON. The first keys are those of `incidents --events`.
type Message struct {
	At          string   `json:"at"` // of its last event, RFC 3339
	Event       string   `json:"event"`
	IncidentID  *int64   `json:"id"` // nil for none
	Subject     string   `json:"subject"`
	Symptom     string   `json:"symptom"`
	Hosts       []string `json:"hosts"`
	Said        bool     `json:"said"`
	Detail      string   `json:"detail"`
	ExplainedBy *int64   `json:"explained_by"`
	DeliveryID  string   `json:"delivery_id"` // the same for each repetition of the message
	Fix         string   `json:"suggested_fix"`
	Page        string   `json:"page,omitempty"`   // a link to the incident on the page of the fleet
	Events      int      `json:"events,omitempty"` // in a storm, their number
	Summary     string   `json:"summary,omitempty"`
}

// eventStorm is the event of a message that stands for many events.
const eventStorm = "storm"

// body returns the message as JSON.
func (m *Message) body() ([]byte, error) { return json.Marshal(m) }

// title returns the message in a few words.
func (m *Message) title() string {
	if m.Event == eventStorm {
		return fmt.Sprintf("%d events of the fleet", m.Events)
	}
	return plain(m.Subject + " " + m.Symptom + ": " + words[m.Event])
}

// words has what people are told of an event.
var words = map[string]string{
	store.EventOpened:       "trouble",
	store.EventRepeated:     "goes on",
	store.EventLost:         "lost",
	store.EventAcknowledged: "acknowledged",
	store.EventResolved:     "resolved",
	eventTest:               "a test",
}

// text returns the message for people, without its title.
func (m *Message) text() string {
	lines := []string{plain(m.Detail)}
	if m.Event == eventStorm {
		lines[0] = plain(m.Summary)
	}
	if m.Fix != "" && m.Event != store.EventResolved && m.Event != store.EventAcknowledged {
		lines = append(lines, "suggested: "+plain(m.Fix))
	}
	if m.Page != "" {
		lines = append(lines, m.Page)
	}
	return strings.Join(lines, "\n")
}

// plain makes a text with foreign names safe for chat services: nothing in it calls people,
// links to a page or begins a tag.
func plain(text string) string {
	return strings.NewReplacer("@", `\x40`, "<", `\x3c`, "://", `:\x2f/`).Replace(visible.Escape(text))
}

// messageOf returns the message of an event.
func messageOf(tx *store.Tx, s *store.Sink, e *store.SentEvent) (*Message, error) {
	hosts, err := tx.IncidentHosts(&store.Incident{ID: e.IncidentID, Subject: e.Subject}, e.At)
	if err != nil {
		return nil, err
	}
	m := &Message{At: clock(e.At), Event: e.Event, IncidentID: &e.IncidentID, Subject: e.Subject, Symptom: e.Symptom, Hosts: hosts, Said: e.Said,
		Detail: e.Detail, DeliveryID: deliveryID(s, e.ID, e.At, e.Event), Fix: e.Fix}
	if e.ExplainedBy.Valid {
		m.ExplainedBy = &e.ExplainedBy.Int64
	}
	return m, nil
}

// messageOfMany returns the message that stands for many events.
func messageOfMany(tx *store.Tx, s *store.Sink, c store.ClaimedMessage) (*Message, error) {
	first, err := tx.SentEvent(c.ID)
	if err != nil {
		return nil, err
	}
	last, err := tx.SentEvent(c.Last)
	if err != nil {
		return nil, err
	}
	counts, err := tx.CountMessage(s.ID, c.ID)
	if err != nil {
		return nil, err
	}
	var parts []string
	for n, count := range counts {
		if n == 10 {
			parts = append(parts, "…")
			break
		}
		parts = append(parts, fmt.Sprintf("%d × %s %s", count.N, count.Symptom, count.Event))
	}
	return &Message{At: clock(last.At), Event: eventStorm, Subject: "(fleet)", Hosts: []string{}, Said: true, Events: c.Events,
		DeliveryID: deliveryID(s, first.ID, first.At, eventStorm),
		Summary:    fmt.Sprintf("%d events of the fleet since %s: %s", c.Events, clock(first.At), strings.Join(parts, ", ")),
		Fix:        "run `cis490-fleet-health incidents`, which has the causes first"}, nil
}

// deliveryID returns the same text for the same event and sink, and another one for any
// other. The time keeps events apart that have an ID in common, because a copy of the database
// was restored.
func deliveryID(s *store.Sink, event, at int64, what string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d %d %s", s.Seed, event, at, what))
	return hex.EncodeToString(sum[:16])
}

// clock formats a time in microseconds as `incidents --events` does.
func clock(at int64) string {
	return time.UnixMicro(at).UTC().Format("2006-01-02T15:04:05.000000Z")
}
