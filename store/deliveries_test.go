package store_test

import (
	"context"
	"testing"

	"github.com/cis490/fleet-health/store"
)

// addSaid stores an incident of a host that was said, and its events. Their times are now.
func addSaid(t *testing.T, tx *store.Tx, host string, events ...string) (i store.Incident) {
	t.Helper()
	i = store.Incident{Subject: host, Symptom: "silent", BeganAt: now - store.Hour, OpenedAt: now, LastFoundAt: now}
	err := tx.SaveIncident(&i)
	i.SaidAt.Int64, i.SaidAt.Valid = now, true
	for _, event := range events {
		if event == store.EventResolved {
			i.ResolvedAt.Int64, i.ResolvedAt.Valid = now, true
		}
		if err == nil {
			err = tx.AddEvent(store.IncidentEvent{At: now, IncidentID: i.ID, Event: event, Symptom: i.Symptom, Said: event != store.EventRepeated})
		}
	}
	if err == nil {
		err = tx.SaveIncident(&i)
	}
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// TestDeliveriesGoWithTheirEvents: the IDs of the newest events are given again after these
// were pruned, and a sink must be told of the later ones.
func TestDeliveriesGoWithTheirEvents(t *testing.T) {
	t.Parallel()
	s, _ := mustOpen(t)
	update := func(fn func(*store.Tx) error) {
		t.Helper()
		if err := s.Update(t.Context(), fn); err != nil {
			t.Fatal(err)
		}
	}
	var row store.Sink
	update(func(tx *store.Tx) (err error) {
		addSaid(t, tx, "lab-1", store.EventOpened, store.EventResolved)
		addSaid(t, tx, "lab-2", store.EventRepeated) // it is open, so only the event goes
		if row, _, err = tx.Sink("key", "label", now); err != nil {
			return err
		}
		return tx.EachEventToSend(0, row.EventID, func(e store.SentEvent) error { return tx.AddDelivery(row.ID, &e, now) })
	})
	if n := mustSelect[int](t, s, "SELECT COUNT(*) FROM deliveries")[0]; n != 3 || row.EventID != 3 {
		t.Fatalf("%d deliveries up to event %d, want 3 and 3", n, row.EventID)
	}
	later := now + 1000*day
	mustSave(t, s, &store.Batch{Source: mustSource(t, s, store.StreamIndex), Now: later, Series: []store.Series{{Host: "lab-2"}}, Ships: []store.Ship{{ReceivedAt: later}}})
	mustPrune(t, s, store.PruneOptions{Before: later - day, Alerts: later - day})
	if got := mustSelect[int](t, s, "SELECT COUNT(*) FROM deliveries UNION ALL SELECT event_id FROM sinks"); got[0] != 0 || got[1] != 0 {
		t.Errorf("%d deliveries are left, and the sink is at event %d, want 0 and 0", got[0], got[1])
	}
}

// TestWhatGoesOnIsNotToldBeforeItsBeginning: a sink that was dead for hours got an event for
// each of them.
func TestWhatGoesOnIsNotToldBeforeItsBeginning(t *testing.T) {
	t.Parallel()
	s, _ := mustOpen(t)
	err := s.Update(t.Context(), func(tx *store.Tx) error {
		row, _, err := tx.Sink("key", "label", now)
		if err != nil {
			return err
		}
		addSaid(t, tx, "lab-1", store.EventOpened, store.EventRepeated, store.EventAcknowledged, store.EventRepeated, store.EventResolved)
		addSaid(t, tx, "lab-2", store.EventRepeated)
		return tx.EachEventToSend(0, 9, func(e store.SentEvent) error { return tx.AddDelivery(row.ID, &e, now) })
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := mustSelect[string](t, s, "SELECT group_concat(subject || ' ' || event, ', ') FROM (SELECT * FROM delivery_log ORDER BY incident_id)")[0]; got !=
		"lab-1 opened, lab-1 acknowledged, lab-1 resolved, lab-2 repeated" {
		t.Errorf("it is told: %s", got)
	}
}

// TestANewSinkIsToldOfWhatIsOpen and of nothing that people are not told about.
func TestANewSinkIsToldOfWhatIsOpen(t *testing.T) {
	t.Parallel()
	s, _ := mustOpen(t)
	var told []string
	err := s.Update(t.Context(), func(tx *store.Tx) error {
		addSaid(t, tx, "ended", store.EventOpened, store.EventResolved)
		open := addSaid(t, tx, "open", store.EventOpened, store.EventRepeated)
		lost := addSaid(t, tx, "lost", store.EventOpened, store.EventLost)
		acked := addSaid(t, tx, "acked", store.EventOpened)
		acked.AckedUntil.Int64, acked.AckedUntil.Valid = now+1, true
		explained := addSaid(t, tx, "explained", store.EventOpened)
		explained.ExplainedBy.Int64, explained.ExplainedBy.Valid = open.ID, true
		unsaid := addSaid(t, tx, "unsaid", store.EventOpened)
		unsaid.SaidAt.Valid = false
		for _, i := range []store.Incident{open, lost, acked, explained, unsaid} {
			if err := tx.SaveIncident(&i); err != nil {
				return err
			}
		}
		return tx.EachOpenEvent(now, func(e store.SentEvent) error { told = append(told, e.Subject+" "+e.Event); return nil })
	})
	if err != nil || len(told) != 2 || told[0] != "open opened" || told[1] != "lost lost" {
		t.Errorf("it is told %v (%v), want what is open and what is lost", told, err)
	}
}

// TestASharedDatabaseIsOpenBesideAPass and refuses what a pass must migrate first.
func TestASharedDatabaseIsOpenBesideAPass(t *testing.T) {
	t.Parallel()
	s, path := mustOpen(t)
	shared, err := store.OpenShared(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer shared.Close()
	add := func(ctx context.Context, s *store.Store, key string) error {
		return s.Update(ctx, func(tx *store.Tx) error { _, _, err := tx.Sink(key, "label", now); return err })
	}
	for key, to := range map[string]*store.Store{"a": s, "b": shared} {
		if err := add(t.Context(), to, key); err != nil {
			t.Fatal(err)
		}
	}
	if n := mustSelect[int](t, s, "SELECT COUNT(DISTINCT seed) FROM sinks")[0]; n != 2 {
		t.Errorf("2 sinks have %d seeds", n)
	}
}
