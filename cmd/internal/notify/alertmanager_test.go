package notify_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cis490/fleet-health/cmd/internal/fleettest"
	"github.com/cis490/fleet-health/store"
)

// startAlertmanager runs Debian's Alertmanager, which posts its notifications to a URL, and
// returns its address.
func startAlertmanager(t *testing.T, hook string) (address string) {
	t.Helper()
	const program = "/usr/bin/prometheus-alertmanager"
	fleettest.Need(t, program)
	dir := t.TempDir()
	config := fmt.Sprintf("route: {receiver: hook, group_by: [alertname], group_wait: 0s, group_interval: 1s}\n"+
		"receivers: [{name: hook, webhook_configs: [{url: %q, send_resolved: true}]}]\n", hook)
	if err := os.WriteFile(filepath.Join(dir, "am.yml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address = l.Addr().String()
	l.Close()
	cmd := exec.Command(program, "--config.file="+dir+"/am.yml", "--storage.path="+dir, "--web.listen-address="+address, "--cluster.listen-address=", "--log.level=error")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	eventually(t, "Alertmanager answers", func() bool {
		response, err := http.Get("http://" + address + "/-/ready")
		if err == nil {
			response.Body.Close()
		}
		return err == nil && response.StatusCode == 200
	})
	return address
}

// eventually waits for what another process does.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	late := time.After(30 * time.Second)
	for !is() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("not in time: %s", what)
		}
	}
}

// TestARealAlertmanagerFiresAndResolves.
func TestARealAlertmanagerFiresAndResolves(t *testing.T) {
	t.Parallel()
	hook := newReceiver(t, nil)
	f := newFleet(t, "alertmanager://"+startAlertmanager(t, hook.URL)+" page=https://fleet.example/")
	// Alertmanager goes by the clock of the machine.
	f.now = time.Now().UnixMicro()
	f.pass(f.now, "ok")
	f.run(t.Context())
	id := f.open(`"a\u202e b"`, "lab-1")[0]
	f.run(t.Context())
	f.run(t.Context()) // the same alerts: nothing new
	f.resolve(id)
	f.now = time.Now().UnixMicro()
	if o := f.run(t.Context())[0]; o.Sent != 1 || o.Reason != "" {
		t.Errorf("the last run: %+v", o)
	}
	type notified struct {
		Alerts []struct {
			Status              string
			Labels, Annotations map[string]string
			StartsAt            string
		}
	}
	var last notified
	eventually(t, "the end is notified", func() bool {
		hook.mu.Lock()
		defer hook.mu.Unlock()
		for _, body := range hook.bodies {
			var n notified
			if err := json.Unmarshal([]byte(body), &n); err != nil {
				t.Fatal(err)
			}
			for _, a := range n.Alerts {
				if a.Status == "resolved" {
					last = n
				}
			}
		}
		return last.Alerts != nil
	})
	got := map[string]string{}
	for _, a := range last.Alerts {
		got[a.Labels["host"]] = a.Status + " " + a.Labels["alertname"] + " " + a.Labels["symptom"] + ": " + a.Annotations["description"] + "; " + a.Annotations["suggested_fix"]
	}
	if want := "resolved FleetHealth silent: nothing for 60 min; look at it"; got[`"a\u202e b"`] != want {
		t.Errorf("it notified %v, want %s", got, want)
	}
	response, err := http.Get(strings.Replace(f.sinks[0].Label, "alertmanager", "http", 1) + "/api/v2/alerts")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	if strings.Count(string(body), `"host":`) != 1 || !strings.Contains(string(body), `"generatorURL":"https://fleet.example/#i`) || !strings.Contains(string(body), `"lab-1"`) {
		t.Errorf("what fires is %s", body)
	}
}

// TestAnAlertmanagerIsToldNothingOfNothing: events without an alert made a body that it refuses.
func TestAnAlertmanagerIsToldNothingOfNothing(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, func(int) int { return 400 })
	f := newFleet(t, strings.Replace(r.URL, "http:", "alertmanager:", 1))
	f.run(t.Context())
	id := f.open("lab-1")[0]
	f.update(func(tx *store.Tx) error {
		_, err := tx.Exec("UPDATE incidents SET said_at = NULL WHERE id = ?", id)
		return err
	})
	if o := f.run(t.Context())[0]; o.Sent != 1 || o.Reason != "" || o.Waiting != 0 || len(r.bodies) != 0 {
		t.Errorf("%+v, %q", o, r.bodies)
	}
}
