package notify_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cis490/fleet-health/store"
)

// TestAWebhookGetsEachEventOnceInOrder, as JSON that is signed.
func TestAWebhookGetsEachEventOnceInOrder(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, nil)
	f := newFleet(t, r.URL+"/hook secret=s3cret")
	f.run(t.Context())
	ids := f.open("lab-1", "lab-2")
	f.run(t.Context())
	f.resolve(ids[0])
	f.run(t.Context())
	f.run(t.Context())
	got := r.messages(t)
	if len(got) != 3 || got[0].Subject != "lab-1" || got[1].Subject != "lab-2" || got[2].Event != store.EventResolved || *got[2].IncidentID != ids[0] {
		t.Fatalf("it got %+v", got)
	}
	if got[0].Hosts[0] != "lab-1" || got[0].Fix != "look at it" || !got[0].Said || got[0].At != "2026-05-01T12:00:00.000000Z" {
		t.Errorf("the first message is %+v", got[0])
	}
	if got[0].DeliveryID == "" || got[0].DeliveryID == got[1].DeliveryID || got[0].DeliveryID == got[2].DeliveryID {
		t.Errorf("the ids are %s, %s, %s", got[0].DeliveryID, got[1].DeliveryID, got[2].DeliveryID)
	}
	mac := hmac.New(sha256.New, []byte("s3cret"))
	mac.Write([]byte(r.bodies[0]))
	if got, want := r.headers[0].Get("X-Fleet-Health-Signature"), "sha256="+hex.EncodeToString(mac.Sum(nil)); got != want {
		t.Errorf("the signature is %s, want %s", got, want)
	}
}

// TestMessagesLinkToThePage, if there is one: to the incident, if they are about one.
func TestMessagesLinkToThePage(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, nil)
	f := newFleet(t, r.URL+"/linked page=https://fleet.example/today/?a=b", r.URL+"/plain")
	f.run(t.Context())
	id := f.open("lab-1")[0]
	f.run(t.Context())
	f.now += 31 * store.Minute
	f.run(t.Context())
	var got []string
	for n, m := range r.messages(t) {
		got = append(got, strings.Join([]string{r.paths[n], m.Symptom, m.Page}, " "))
	}
	slices.Sort(got)
	want := []string{"/linked passes-stopped https://fleet.example/today/?a=b", fmt.Sprintf("/linked silent https://fleet.example/today/?a=b#i%d", id),
		"/plain passes-stopped ", "/plain silent "}
	if !slices.Equal(got, want) {
		t.Errorf("the links are %q, want %q", got, want)
	}
}

// TestASinkIsToldOnlyWhatItsLineSelects.
func TestASinkIsToldOnlyWhatItsLineSelects(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, nil)
	lines := []string{"/hosts hosts=lab-*", "/symptoms symptoms=rejected", "/events events=resolved", "/all"}
	for n := range lines {
		lines[n] = r.URL + lines[n]
	}
	f := newFleet(t, lines...)
	f.run(t.Context())
	f.open("lab-1")
	f.resolve(f.open("pi-1")[0])
	f.update(func(tx *store.Tx) error { // a group that lab-1 is part of
		i := store.Incident{Subject: store.SubjectGroup, Symptom: "group-silent", BeganAt: now, OpenedAt: now, LastFoundAt: now}
		if err := tx.SaveIncident(&i); err != nil {
			return err
		}
		if err := tx.JoinIncident(i.ID, []string{"pi-1", "lab-1"}, now); err != nil {
			return err
		}
		return tx.AddEvent(store.IncidentEvent{At: now, IncidentID: i.ID, Event: store.EventOpened, Symptom: i.Symptom, Said: true})
	})
	f.run(t.Context())
	got := map[string]string{}
	for n, m := range r.messages(t) {
		got[r.paths[n]] += m.Subject + " " + m.Event + ", "
	}
	for path, want := range map[string]string{"/hosts": "lab-1 opened, (group) opened, ", "/symptoms": "", "/events": "pi-1 resolved, ",
		"/all": "lab-1 opened, pi-1 opened, pi-1 resolved, (group) opened, "} {
		if got[path] != want {
			t.Errorf("%s got %q, want %q", path, got[path], want)
		}
	}
}

// TestWhatFailsIsTriedAgain, with the same id and before what came later, and other sinks do
// not wait for it.
func TestWhatFailsIsTriedAgain(t *testing.T) {
	t.Parallel()
	redirected := newReceiver(t, nil)
	wrongCertificate := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(wrongCertificate.Close)
	closed := httptest.NewServer(nil)
	closed.Close()
	for name, c := range map[string]struct {
		url     string
		handler http.HandlerFunc // nil for another url
		reason  string
	}{
		"a server error":            {handler: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, reason: "it answered 500 Internal Server Error"},
		"a page that is gone":       {handler: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }, reason: "it answered 404 Not Found"},
		"a broken connection":       {handler: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, reason: "the connection broke"},
		"a redirect":                {handler: http.RedirectHandler(redirected.URL, http.StatusTemporaryRedirect).ServeHTTP, reason: "it answered 307 and names another address, which is not followed: configure that one"},
		"a wrong certificate":       {url: wrongCertificate.URL, reason: "its certificate is not valid"},
		"no server":                 {url: closed.URL, reason: "connection refused"},
		"plain text for TLS":        {url: strings.Replace(redirected.URL, "http:", "https:", 1), reason: "it does not speak TLS"},
		"a program that fails":      {url: "exec:/bin/false", reason: "it ended with exit status 1"},
		"a program that is not":     {url: "exec:/nowhere/secret", reason: "no such file or directory"},
		"a service that is not":     {url: strings.Replace(closed.URL, "http://", "ntfy://:secret@", 1) + "/topic?scheme=http", reason: "connection refused"},
		"a mail server that is not": {url: strings.Replace(closed.URL, "http://", "smtp://user:secret@", 1) + "/?from=a@b.example&to=c@d.example", reason: "connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.handler != nil {
				server := httptest.NewServer(c.handler)
				t.Cleanup(server.Close)
				c.url = server.URL + "/secret?secret"
			}
			fine := newReceiver(t, nil)
			f := newFleet(t, c.url, fine.URL)
			f.run(t.Context())
			f.open("lab-1", "lab-2")
			got := f.run(t.Context())
			if got[0].Reason != c.reason || got[0].Sent != 0 || got[0].Waiting != 2 || got[0].RetryIn != store.Minute {
				t.Errorf("it says %+v, want %s", got[0], c.reason)
			}
			if got[1].Sent != 2 || got[1].Reason != "" || len(fine.messages(t)) != 2 {
				t.Errorf("the other sink: %+v", got[1])
			}
			if said := fmt.Sprint(got[0].Sink, got[0].Reason); strings.Contains(said, "secret") && c.url[0] != 'e' {
				t.Errorf("it shows a secret: %s", said)
			}
			f.now += store.Minute - 1 // it is not its turn
			if again := f.run(t.Context()); again[0].Reason != "" || again[0].Waiting != 2 {
				t.Errorf("it is tried too early: %+v", again[0])
			}
			f.now++
			if again := f.run(t.Context()); again[0].RetryIn != 2*store.Minute {
				t.Errorf("the second try: %+v", again[0])
			}
			if redirected.bodies != nil {
				t.Error("the redirect was followed")
			}
		})
	}
}

// TestADeadSinkIsGivenUpOnce after 24 hours of tries, and takes what comes later.
func TestADeadSinkIsGivenUpOnce(t *testing.T) {
	t.Parallel()
	dead := true
	r := newReceiver(t, func(int) int { return map[bool]int{true: 503, false: 200}[dead] })
	f := newFleet(t, r.URL)
	f.run(t.Context())
	f.open("lab-1")
	tries, given := 0, int64(0)
	for range 25 * 12 {
		f.now += 5 * store.Minute
		f.pass(f.now, store.OutcomeOK)
		o := f.run(t.Context())[0]
		given += o.GivenUp
		if o.Reason != "" {
			tries++
		}
	}
	if given != 1 || tries < 24 || tries > 35 {
		t.Errorf("given up %d events after %d tries", given, tries)
	}
	got := r.messages(t)
	for _, m := range got {
		if m.DeliveryID != got[0].DeliveryID {
			t.Errorf("the ids are %s and %s", m.DeliveryID, got[0].DeliveryID)
		}
	}
	dead = false
	f.open("lab-2")
	f.now += store.Hour
	f.pass(f.now, store.OutcomeOK)
	if o := f.run(t.Context())[0]; o.Sent != 1 || f.states()["given up"] != 1 || f.states()["delivered"] != 1 {
		t.Errorf("later: %+v, %v", o, f.states())
	}
}

// TestAMessageThatIsRefusedDoesNotHoldUpLaterOnes: a server that will never take a message was
// tried with it for 24 hours.
func TestAMessageThatIsRefusedDoesNotHoldUpLaterOnes(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, func(n int) int { return map[bool]int{true: 400, false: 204}[n == 1] })
	f := newFleet(t, r.URL)
	f.run(t.Context())
	f.open("lab-1", "lab-2")
	if o := f.run(t.Context())[0]; o.Refused != 1 || o.Sent != 1 || o.Waiting != 0 || o.Reason != "it answered 400 Bad Request" {
		t.Errorf("%+v", o)
	}
}

// TestAStormIsOneMessage, whether the sink takes it at once or not.
func TestAStormIsOneMessage(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, func(n int) int { return map[bool]int{true: 500, false: 200}[n == 1] })
	f := newFleet(t, r.URL)
	f.run(t.Context())
	var hosts []string
	for n := range 30 {
		hosts = append(hosts, fmt.Sprintf("lab-%d", n))
	}
	f.open(hosts...)
	f.run(t.Context())
	f.open("late")
	f.now += store.Hour
	f.pass(f.now, store.OutcomeOK)
	f.run(t.Context())
	got := r.messages(t)
	if len(got) != 3 || got[0].Events != 30 || got[1].DeliveryID != got[0].DeliveryID || got[1].Summary != got[0].Summary || got[2].Subject != "late" {
		t.Fatalf("it got %+v", got)
	}
	if want := "30 events of the fleet since 2026-05-01T12:00:00.000000Z: 30 × silent opened"; got[0].Summary != want || got[0].Event != "storm" {
		t.Errorf("the storm is %+v, want %s", got[0], want)
	}
	if f.states()["delivered"] != 31 {
		t.Errorf("states: %v", f.states())
	}
}

// TestASignalIsNoFailureOfASink: what was not tried waits for the next run, without a backoff.
func TestASignalIsNoFailureOfASink(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	r := newReceiver(t, func(n int) int {
		if n == 1 {
			cancel()
		}
		return 200
	})
	f := newFleet(t, r.URL)
	f.run(t.Context())
	f.open("lab-1", "lab-2", "lab-3")
	if o := f.run(ctx)[0]; o.Reason != "" || o.Waiting < 2 {
		t.Errorf("the first run: %+v", o)
	}
	if o := f.run(t.Context())[0]; o.Waiting != 0 {
		t.Errorf("the second run: %+v", o)
	}
	got := r.messages(t)
	if first := got[0]; len(got) == 4 && got[1].DeliveryID != first.DeliveryID || len(got) < 3 || len(got) > 4 {
		t.Errorf("it got %+v", got)
	}
}

// TestPassesThatStopAreSaidOnce, and that they go on.
func TestPassesThatStopAreSaidOnce(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, func(n int) int { return map[bool]int{true: 500, false: 200}[n == 1] })
	f := newFleet(t, r.URL)
	for _, minutes := range []int64{29, 2, 1, 5, 5} {
		f.now += minutes * store.Minute
		f.run(t.Context())
	}
	f.pass(f.now, store.OutcomeFailed) // that is no success
	f.run(t.Context())
	f.pass(f.now, store.OutcomeOK)
	f.run(t.Context())
	f.run(t.Context())
	got := r.messages(t)
	if len(got) != 3 || got[0].Event != store.EventOpened || got[1].DeliveryID != got[0].DeliveryID || got[2].Event != store.EventResolved ||
		got[2].Subject != "(passes)" || got[2].Symptom != "passes-stopped" || got[2].IncidentID != nil {
		t.Errorf("it got %+v", got)
	}
}

// TestAPingFollowsEachPass that has ended since the last ping.
func TestAPingFollowsEachPass(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, func(n int) int { return map[bool]int{true: 500, false: 200}[n == 1] })
	f := newFleet(t, "ping:"+r.URL+"/uuid")
	f.run(t.Context())
	f.run(t.Context()) // again, without a wait
	f.run(t.Context())
	f.pass(now, store.OutcomeFailed)
	f.run(t.Context())
	f.now += store.Hour
	f.run(t.Context())
	if got := fmt.Sprint(r.paths, r.bodies); got != "[/uuid /uuid /uuid/fail] [  no room]" {
		t.Errorf("pings: %s", got)
	}
}

// TestASinkThatHangsIsLeft, and others do not wait for it.
func TestASinkThatHangsIsLeft(t *testing.T) {
	t.Parallel()
	ends := make(chan struct{})
	hangs := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-ends }))
	t.Cleanup(hangs.Close)
	t.Cleanup(func() { close(ends) })
	fine := newReceiver(t, nil)
	hang := filepath.Join(t.TempDir(), "hang")
	if err := os.WriteFile(hang, []byte("#!/bin/sh\nsleep 60 &\nwait\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	f := newFleet(t, hangs.URL, strings.Replace(hangs.URL, "http://", "ntfy://", 1)+"/topic?scheme=http", "exec:"+hang, fine.URL)
	f.limit = 200 * time.Millisecond
	f.run(t.Context())
	f.open("lab-1", "lab-2")
	got := f.run(t.Context())
	for _, o := range got[:3] {
		if o.Reason != "it did not answer in time" || o.Waiting != 2 {
			t.Errorf("it says %+v", o)
		}
	}
	if got[3].Sent != 2 {
		t.Errorf("the other sink: %+v", got[3])
	}
}

// TestALineThatComesBackTellsNoHistory: it was told of each event of the months without it.
func TestALineThatComesBackTellsNoHistory(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, nil)
	f := newFleet(t, r.URL)
	f.run(t.Context())
	ids := f.open("lab-1", "lab-2")
	f.run(t.Context())
	f.now += 40 * 24 * store.Hour
	f.pass(f.now, store.OutcomeOK)
	f.resolve(ids[0])
	f.resolve(f.open("over")[0])
	f.open("lab-3")
	f.run(t.Context())
	f.run(t.Context())
	var told []string
	for _, m := range r.messages(t) {
		told = append(told, m.Subject+" "+m.Event)
	}
	if got, want := strings.Join(told, ", "), "lab-1 opened, lab-2 opened, lab-1 resolved, lab-3 opened"; got != want {
		t.Errorf("it was told: %s; want: %s", got, want)
	}
}
