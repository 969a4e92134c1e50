package notify_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cis490/fleet-health/cmd/internal/fleettest"
	"github.com/cis490/fleet-health/store"
)

// path returns the file of the database.
func (f *fleet) path() (path string) {
	f.Helper()
	f.update(func(tx *store.Tx) error {
		return tx.Get(&path, "SELECT file FROM pragma_database_list WHERE name = 'main'")
	})
	return path
}

// command returns notify as a process, at the time of the fleet.
func (f *fleet) command(program string, lines ...string) *exec.Cmd {
	f.Helper()
	return exec.Command(program, "notify", "--db", f.path(), "--config", writeConfig(f.T, lines...), "--now", fleettest.Now.Format("2006-01-02T15:04:05Z"))
}

// TestKilledAfterItHasSentItSendsTheSameAgain: the receiver tells a repetition by its id, also
// that of a storm to which events were added since.
func TestKilledAfterItHasSentItSendsTheSameAgain(t *testing.T) {
	t.Parallel()
	for name, hosts := range map[string]int{"an event": 2, "a storm": 30} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var process atomic.Pointer[exec.Cmd]
			r := newReceiver(t, func(int) int {
				if p := process.Swap(nil); p != nil {
					p.Process.Kill() // it has the request, and never gets an answer
				}
				return 200
			})
			f := newFleet(t, r.URL)
			f.run(t.Context())
			for n := range hosts {
				f.open(fmt.Sprintf("lab-%d", n))
			}
			// The server must know the process before that sends anything.
			gate := make(chan struct{})
			held := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
				<-gate
				body, _ := io.ReadAll(request.Body)
				response, err := http.Post(r.URL, "application/json", bytes.NewReader(body))
				if err != nil {
					t.Error(err)
					return
				}
				response.Body.Close()
				w.WriteHeader(response.StatusCode)
			}))
			t.Cleanup(held.Close)
			f.configure(held.URL) // a new sink: it is told of what is open
			cmd := f.command(fleettest.ProgramIn(t, t.TempDir()), held.URL)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			process.Store(cmd)
			close(gate)
			if err := cmd.Wait(); err == nil {
				t.Fatal("it was not killed")
			}
			for n := range hosts {
				f.open(fmt.Sprintf("late-%d", n))
			}
			f.run(t.Context())
			f.run(t.Context())
			got := r.messages(t)
			ids := map[string]int{}
			for _, m := range got {
				ids[m.DeliveryID]++
			}
			if got[0].DeliveryID != got[1].DeliveryID || got[0].Summary != got[1].Summary || got[0].Subject != got[1].Subject || ids[got[0].DeliveryID] != 2 {
				t.Errorf("it sent %+v, then %+v", got[0], got[1])
			}
			if want := map[string]int{"an event": 5, "a storm": 3}[name]; len(got) != want || len(ids) != want-1 {
				t.Errorf("%d messages with %d ids, want %d", len(got), len(ids), want)
			}
			if f.states()["delivered"] != 2*hosts {
				t.Errorf("states: %v", f.states())
			}
		})
	}
}

// TestAHugeStormFitsIntoMemory: 10,000 incidents at once are a message for each sink.
func TestAHugeStormFitsIntoMemory(t *testing.T) {
	t.Parallel()
	if fleettest.RaceDetector {
		t.Skip("the race detector does not see into the process that is measured")
	}
	r := newReceiver(t, nil)
	lines := []string{r.URL + "/a", r.URL + "/b", strings.Replace(r.URL, "http://", "alertmanager://", 1)}
	f := newFleet(t, lines...)
	f.run(t.Context())
	hosts := make([]string, 10_000)
	for n := range hosts {
		hosts[n] = fmt.Sprintf("lab-%d", n)
	}
	f.open(hosts...)
	cmd := f.command("cis490-fleet-health-measured", lines...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	_, peak, _ := strings.Cut(string(out), fleettest.PeakMark)
	kib, err := strconv.Atoi(peak)
	if err != nil || kib > 64<<10 {
		t.Errorf("peak memory is %d KiB (%v)", kib, err)
	}
	t.Logf("peak memory: %d MiB", kib>>10)
	if len(r.bodies) != 3 || f.states()["delivered"] != 30_000 {
		t.Errorf("%d messages, states: %v", len(r.bodies), f.states())
	}
}

// TestNothingShowsASecret: no URL, password or key stands in the log, in the answer to --test,
// in an error of the file, or in the database.
func TestNothingShowsASecret(t *testing.T) {
	t.Parallel()
	closed := httptest.NewServer(nil)
	closed.Close()
	host := strings.TrimPrefix(closed.URL, "http://")
	sinks := []string{"http://u:s3cr3t@" + host + "/s3cr3t?s3cr3t secret=s3cr3t", "ping:http://" + host + "/s3cr3t", "alertmanager://u:s3cr3t@" + host,
		"ntfy://u:s3cr3t@" + host + "/s3cr3t?scheme=http", "smtp://u:s3cr3t@" + host + "/?from=a@b.example&to=s3cr3t@d.example",
		"gotify://" + host + "/As3cr3tXXXXXXXX?disabletls=yes"}
	f := newFleet(t, sinks...)
	f.run(t.Context())
	f.open("lab-1")
	program := fleettest.ProgramIn(t, t.TempDir())
	var said []byte
	for _, args := range [][]string{nil, {"--test"}} {
		cmd := f.command(program, sinks...)
		cmd.Args = append(cmd.Args, args...)
		out, err := cmd.CombinedOutput()
		if err == nil {
			t.Errorf("%v succeeded", args)
		}
		said = append(said, out...)
	}
	if n := strings.Count(string(said), "connection refused"); n != 12 {
		t.Errorf("%d of 12 sinks were refused:\n%s", n, said)
	}
	for _, wrong := range []string{"nosuch://s3cr3t", "http://s3cr3t.example/", "https://s3 cr3t/s3cr3t", "https://s3cr3t:%zz/", "discord://s3cr3t", "s3cr3t",
		"slack://s3cr3t@x", "https://h.example/s3cr3t#s3cr3t", "alertmanager://u:s3cr3t@h.example", "exec:s3cr3t"} {
		out, err := f.command(program, wrong).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "line 1: ") {
			t.Errorf("%s: %v\n%s", wrong, err, out)
		}
		said = append(said, out...)
	}
	var stored []string
	f.update(func(tx *store.Tx) error {
		return tx.Select(&stored, "SELECT url_key || label || COALESCE(last_error, '') FROM sinks UNION SELECT COALESCE(error, '') FROM deliveries")
	})
	for _, text := range append(stored, string(said)) {
		if strings.Contains(strings.ToLower(text), "s3cr3t") || strings.Contains(text, "cr3t") {
			t.Errorf("a secret is shown:\n%s", text)
		}
	}
	files, _ := filepath.Glob(f.path() + "*")
	if len(files) < 3 {
		t.Errorf("the database has only %v", files)
	}
}
