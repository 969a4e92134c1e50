package notify_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cis490/fleet-health/cmd/internal/fleettest"
	"github.com/cis490/fleet-health/cmd/internal/notify"
	"github.com/cis490/fleet-health/detect"
	"github.com/cis490/fleet-health/store"
)

func TestMain(m *testing.M) { fleettest.Main(m) }

// now is the time of the runs, in microseconds.
var now = fleettest.Now.UnixMicro()

// fleet is a database, its sinks, and the clock of the runs.
type fleet struct {
	*testing.T
	s     *store.Store
	sinks []notify.Sink
	now   int64
	limit time.Duration // of a message; 0 for the program's own
}

// newFleet returns a fleet whose last pass ended just now. lines are those of notify.conf.
func newFleet(t *testing.T, lines ...string) *fleet {
	t.Helper()
	s, err := store.Open(t.Context(), filepath.Join(fleettest.MemoryDir(t), "fleet.db"), store.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	f := &fleet{T: t, s: s, now: now}
	f.pass(now, store.OutcomeOK)
	f.configure(lines...)
	return f
}

func (f *fleet) configure(lines ...string) {
	f.Helper()
	path := writeConfig(f.T, lines...)
	sinks, err := notify.ReadConfig(path, detect.AllSymptoms())
	if err != nil {
		f.Fatal(err)
	}
	f.sinks = sinks
}

func writeConfig(t *testing.T, lines ...string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "notify.conf")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	return path
}

// pass stores a pass that ended at a time in microseconds.
func (f *fleet) pass(at int64, outcome string) {
	f.Helper()
	p := store.Pass{StartedAt: at, AsOf: at}
	err := f.s.BeginPass(f.Context(), &p)
	p.FinishedAt.Int64, p.FinishedAt.Valid = at, true
	p.Outcome.String, p.Outcome.Valid = outcome, true
	p.Error.String, p.Error.Valid = "no room", outcome == store.OutcomeFailed
	if err == nil {
		err = f.s.FinishPass(f.Context(), &p)
	}
	if err != nil {
		f.Fatal(err)
	}
}

// open stores incidents of hosts that a pass opened and said.
func (f *fleet) open(hosts ...string) (ids []int64) {
	f.Helper()
	f.update(func(tx *store.Tx) error {
		for _, host := range hosts {
			i := store.Incident{Subject: host, Symptom: detect.Silent, BeganAt: f.now - store.Hour, OpenedAt: f.now, LastFoundAt: f.now,
				Detail: "nothing for 60 min", Fix: "look at it"}
			if err := tx.SaveIncident(&i); err != nil {
				return err
			}
			i.SaidAt.Int64, i.SaidAt.Valid = f.now, true
			if err := tx.SaveIncident(&i); err != nil {
				return err
			}
			ids = append(ids, i.ID)
			if err := tx.AddEvent(store.IncidentEvent{At: f.now, IncidentID: i.ID, Event: store.EventOpened, Symptom: i.Symptom, Said: true, Detail: i.Detail}); err != nil {
				return err
			}
		}
		return nil
	})
	return ids
}

// resolve ends an incident.
func (f *fleet) resolve(id int64) {
	f.Helper()
	f.update(func(tx *store.Tx) error {
		i, err := tx.Incident(id)
		if err != nil {
			return err
		}
		i.ResolvedAt.Int64, i.ResolvedAt.Valid = f.now, true
		if err := tx.SaveIncident(&i); err != nil {
			return err
		}
		return tx.AddEvent(store.IncidentEvent{At: f.now, IncidentID: id, Event: store.EventResolved, Symptom: i.Symptom, Said: true, Detail: i.Detail})
	})
}

func (f *fleet) update(fn func(*store.Tx) error) {
	f.Helper()
	if err := f.s.Update(f.Context(), fn); err != nil {
		f.Fatal(err)
	}
}

// run runs notify.
func (f *fleet) run(ctx context.Context) []notify.Outcome {
	f.Helper()
	outcomes, err := notify.Run(ctx, f.s, f.sinks, notify.Options{Now: func() int64 { return f.now }, Timeout: f.limit})
	if err != nil {
		f.Fatal(err)
	}
	return outcomes
}

// states returns the number of deliveries in each state.
func (f *fleet) states() map[string]int {
	f.Helper()
	var rows []struct {
		State string `db:"state"`
		N     int    `db:"n"`
	}
	f.update(func(tx *store.Tx) error {
		return tx.Select(&rows, "SELECT state, COUNT(*) AS n FROM deliveries GROUP BY state")
	})
	states := map[string]int{}
	for _, r := range rows {
		states[r.State] = r.N
	}
	return states
}

// receiver is an HTTP server that keeps what it was sent.
type receiver struct {
	*httptest.Server
	mu      sync.Mutex
	bodies  []string
	paths   []string
	headers []http.Header
}

// newReceiver returns a server that answers with the status that status returns, 200 if it
// is nil.
func newReceiver(t *testing.T, status func(n int) int) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, _ := io.ReadAll(request.Body)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.bodies, r.paths, r.headers = append(r.bodies, string(body)), append(r.paths, request.URL.Path), append(r.headers, request.Header)
		if status != nil {
			w.WriteHeader(status(len(r.bodies)))
		}
	}))
	t.Cleanup(r.Close)
	return r
}

// messages returns what the server was sent.
func (r *receiver) messages(t *testing.T) (list []notify.Message) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, body := range r.bodies {
		var m notify.Message
		if err := json.Unmarshal([]byte(body), &m); err != nil {
			t.Fatalf("%v: %s", err, body)
		}
		list = append(list, m)
	}
	return list
}
