package docs

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cis490/fleet-health/cmd/internal/cli"
	"github.com/cis490/fleet-health/cmd/internal/fleettest"
	"github.com/cis490/fleet-health/store"
)

// TestTheQueryOfAnIncidentFindsItAgain pastes the SQL of each story of the demo into Debian's
// sqlite3. It finds the host again. That of the receiver finds the time at which the trouble
// began.
func TestTheQueryOfAnIncidentFindsItAgain(t *testing.T) {
	t.Parallel()
	fleettest.Need(t, "/usr/bin/sqlite3")
	db := troubledFleet(t)
	answer := func(rows any, args ...string) {
		t.Helper()
		var stdout bytes.Buffer
		e := fleettest.Env(fleettest.Now, os.Stderr)
		e.Stdout = &stdout
		if code := cli.Run(t.Context(), append(args, "--db", db, "--format", "json"), e); code != cli.ExitOK {
			t.Fatalf("%v: exit %d", args, code)
		}
		if err := json.Unmarshal(stdout.Bytes(), rows); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, &stdout)
		}
	}
	var incidents []struct {
		ID      int64
		Subject string
		BeganAt time.Time `json:"began_at"`
	}
	answer(&incidents, "incidents")
	pasted := 0
	for _, i := range incidents {
		var story []struct{ Query string }
		answer(&story, "incidents", "show", strconv.FormatInt(i.ID, 10))
		if story[0].Query == "" { // a source that could not be read
			continue
		}
		sqlite3 := exec.Command("/usr/bin/sqlite3", "-readonly", "-bail", "-csv", db)
		sqlite3.Stdin = strings.NewReader(story[0].Query)
		out, err := sqlite3.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s\n%s", err, out, story[0].Query)
		}
		first := i.Subject
		if first == store.SubjectReceiver {
			first = strconv.FormatInt(i.BeganAt.UnixMicro(), 10)
		}
		if pasted++; !strings.Contains("\n"+string(out), "\n"+first+",") {
			t.Errorf("the query of incident %d does not find %s:\n%s\n%s", i.ID, first, out, story[0].Query)
		}
	}
	if pasted < 4 {
		t.Errorf("only %d incidents of the demo have a query", pasted)
	}
}
