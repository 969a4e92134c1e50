package page

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/cis490/fleet-health/cmd/internal/fleettest"
)

// chromiumPath is Debian's browser.
const chromiumPath = "/usr/bin/chromium"

// browser is a headless chromium with one tab. It is driven by the DevTools protocol, through a
// pipe: https://chromedevtools.github.io/devtools-protocol/
type browser struct {
	t       *testing.T
	in      *os.File
	out     *bufio.Reader
	session string
	calls   int
	events  []event // since the last open
}

// event is a message of the browser.
type event struct {
	ID     int
	Method string
	Params json.RawMessage
	Result json.RawMessage
	Error  *struct{ Message string }
}

// newBrowser starts a browser that ends with the test.
func newBrowser(t *testing.T) *browser {
	t.Helper()
	fleettest.Need(t, chromiumPath)
	if fleettest.RaceDetector {
		t.Skip("the race detector does not see into the browser")
	}
	theirIn, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, theirOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	profile, err := os.MkdirTemp("", "chromium-")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(chromiumPath, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--remote-debugging-pipe", "--user-data-dir="+profile)
	cmd.Env = append(os.Environ(), "HOME="+profile)
	cmd.ExtraFiles = []*os.File{theirIn, theirOut} // descriptors 3 and 4
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirIn.Close()
	theirOut.Close()
	b := &browser{t: t, in: in, out: bufio.NewReader(out)}
	t.Cleanup(func() {
		b.session = ""
		b.call("Browser.close", nil, nil)
		in.Close()
		cmd.Wait()
		os.RemoveAll(profile) // its helpers may still write to it
	})
	var target struct{ TargetID, SessionID string }
	b.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	b.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &target)
	b.session = target.SessionID
	for _, domain := range []string{"Page", "Runtime", "Log", "Network", "Security"} {
		b.call(domain+".enable", nil, nil)
	}
	return b
}

// call calls a method, and waits for its result.
func (b *browser) call(method string, params map[string]any, result any) {
	b.t.Helper()
	b.calls++
	message := map[string]any{"id": b.calls, "method": method}
	if params != nil {
		message["params"] = params
	}
	if b.session != "" {
		message["sessionId"] = b.session
	}
	text, err := json.Marshal(message)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.in.Write(append(text, 0)); err != nil {
		b.t.Fatalf("%s: %v", method, err)
	}
	got := b.await(func(e event) bool { return e.ID == b.calls })
	if got.Error != nil {
		b.t.Fatalf("%s: %s", method, got.Error.Message)
	}
	if result != nil {
		if err := json.Unmarshal(got.Result, result); err != nil {
			b.t.Fatalf("%s: %v", method, err)
		}
	}
}

// await reads messages up to one that is wanted. It keeps the others.
func (b *browser) await(wanted func(event) bool) event {
	b.t.Helper()
	for {
		text, err := b.out.ReadBytes(0)
		if err != nil {
			b.t.Fatalf("the browser ended: %v", err)
		}
		var e event
		if err := json.Unmarshal(bytes.TrimRight(text, "\x00"), &e); err != nil {
			b.t.Fatal(err)
		}
		if wanted(e) {
			return e
		}
		b.events = append(b.events, e)
	}
}

// open opens a file, and waits until it is loaded.
func (b *browser) open(path string) {
	b.t.Helper()
	b.events = nil
	b.call("Page.navigate", map[string]any{"url": "file://" + path}, nil)
	for _, e := range b.events {
		if e.Method == "Page.loadEventFired" {
			return
		}
	}
	b.events = append(b.events, b.await(func(e event) bool { return e.Method == "Page.loadEventFired" }))
}

// size sets the size of the window, and light or dark.
func (b *browser) size(width int, scheme string) {
	b.t.Helper()
	b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}, nil)
	b.call("Emulation.setEmulatedMedia", map[string]any{"features": []any{map[string]any{"name": "prefers-color-scheme", "value": scheme}}}, nil)
}

// asked evaluates an expression in the page.
func (b *browser) asked(expression string, result any) {
	b.t.Helper()
	var got struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails json.RawMessage
	}
	b.call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true}, &got)
	if got.ExceptionDetails != nil {
		b.t.Fatalf("the question failed: %s", got.ExceptionDetails)
	}
	if err := json.Unmarshal(got.Result.Value, result); err != nil {
		b.t.Fatalf("%v in %s", err, got.Result.Value)
	}
}

// screenshot writes a picture to a file: of the whole page, or only of the window.
func (b *browser) screenshot(path string, whole bool) {
	b.t.Helper()
	var got struct{ Data []byte }
	b.call("Page.captureScreenshot", map[string]any{"captureBeyondViewport": whole}, &got)
	if err := os.WriteFile(path, got.Data, 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// complaints returns what the page did that it should not do: messages on the console, dialogs,
// and requests for anything but itself.
func (b *browser) complaints(path string) (found []string) {
	for _, e := range b.events {
		switch e.Method {
		case "Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded", "Page.javascriptDialogOpening", "Page.windowOpen":
			found = append(found, fmt.Sprintf("%s %s", e.Method, e.Params))
		case "Network.requestWillBeSent":
			var sent struct{ Request struct{ URL string } }
			if err := json.Unmarshal(e.Params, &sent); err != nil || sent.Request.URL != "file://"+path {
				found = append(found, fmt.Sprintf("a request for %s", sent.Request.URL))
			}
		}
	}
	return found
}
