package ingest_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cis490/fleet-health/ingest"
	"github.com/cis490/fleet-health/store"
	"github.com/google/go-cmp/cmp"
)

const (
	unitStarting = "7d4958e842da4a758f6c1cdc7b36dcc5"
	unitStarted  = "39f53479d3a045ac8e11786248231fbf"
	unitStopping = "de5b426a63be47a7b6ac3eaac82e2f6f"
	unitStopped  = "9d1aaa27d60140bd96365438aad20286"
	unitSuccess  = "7ad2d189f7e94e70a38c781354912448"
	unitFailed   = "be02cf6855d2428ba40df7e9d022f03d"
	unitResult   = "d9b373ed55a64feb8242e02dbe79a49c"
	unitRestart  = "5eb03494b6584870a536b337290809b3"
	unitExit     = "98e322203f7a4ed290d09fe03c09fe15"
	unitOOM      = "fe6faa94e7774663a0da52717891d8ef"
)

// byPID1 returns an entry of PID 1 about a unit.
func byPID1(at int64, about, id, message string) logged {
	return logged{at: at, monotonic: at - now + 4*store.Hour, pid: 1, unit: "init.scope", priority: 6, message: message,
		fields: []string{"MESSAGE_ID=" + id, "UNIT=" + about, "SYSLOG_IDENTIFIER=systemd"}}
}

// said returns an entry of the receiver.
func said(at int64, message string) logged {
	return logged{at: at, monotonic: at - now + 4*store.Hour, unit: unit, pid: 77, priority: 6, message: message}
}

// wordsIn returns all that the receiver said, and checks that counts equal their rows.
func wordsIn(t testing.TB, s *store.Store) []string {
	t.Helper()
	for _, text := range rows(t, s, `
		SELECT t.text
		FROM error_texts AS t
		LEFT JOIN receiver_errors AS e ON e.text_id = t.id
		GROUP BY t.id
		HAVING COUNT(e.at) <> t.errors OR MIN(e.at) <> t.first_at OR MAX(e.at) <> t.last_at`) {
		t.Errorf("%q does not count its rows", text)
	}
	return rows(t, s, "SELECT substr(at, 12, 8) || ' ' || kind || ' ' || count || ' ' || substr(last_at, 12, 8) || ' ' || text FROM receiver_log ORDER BY at_us, kind, text")
}

// TestTheReceiversWords has the entries of systemd 252 about a crash, a stop and a start.
func TestTheReceiversWords(t *testing.T) {
	t.Parallel()
	j, s := newJournalFiles(t), mustOpen(t)
	at := func(second int64) int64 { return now - store.Hour + second*store.Second }
	const failing = "ModuleNotFoundError: No module named 'x'"
	j.write("one",
		said(at(0), "ERROR:    Exception in ASGI application"), said(at(0)+1, "Traceback (most recent call last):"), said(at(0)+2, "  File \"x.py\", line 1"), said(at(0)+3, failing),
		said(at(1), `INFO:     10.0.0.1:5 - "PUT /v1/episodes/ERROR:/OSError:%20x HTTP/1.1" 500 Internal Server Error`),
		byPID1(at(2), unit, unitExit, unit+": Main process exited, code=exited, status=1/FAILURE"),
		byPID1(at(3), unit, unitResult, unit+": Failed with result 'exit-code'."),
		byPID1(at(3)+1, "other.service", unitResult, "other.service: Failed with result 'exit-code'."),
		byPID1(at(4), unit, unitRestart, unit+": Scheduled restart job, restart counter is at 1."),
		byPID1(at(5), unit, unitStopped, "Stopped "+unit+"."),
		byPID1(at(6), unit, unitStarting, "Starting "+unit+"..."),
		said(at(7), failing),
		byPID1(at(8), unit, unitFailed, "Failed to start "+unit+"."),
		byPID1(at(9), unit, unitOOM, unit+": A process of this unit has been killed by the OOM killer."),
		byPID1(at(10), unit, "00000000000000000000000000000000", "something else"),
		byPID1(at(11), unit, unitStopping, "Stopping "+unit+"..."), byPID1(at(12), unit, unitSuccess, unit+": Deactivated successfully."),
		byPID1(at(13), unit, unitStarted, "Started \x1b[2J"+unit+"."),
		logged{at: at(14), monotonic: 4 * store.Hour, unit: "other.service", pid: 78, priority: 3, message: "ERROR: of another"},
		logged{at: at(15), monotonic: 4 * store.Hour, unit: unit, pid: 77, priority: 6, message: "started?", fields: []string{"MESSAGE_ID=" + unitStarted, "UNIT=" + unit}})
	want := []string{
		"11:00:00 error 1 11:00:00 Exception in ASGI application",
		"11:00:00 traceback 2 11:00:07 " + failing,
		"11:00:02 exited 1 11:00:02 " + unit + ": Main process exited, code=exited, status=1/FAILURE",
		"11:00:03 failed 1 11:00:03 " + unit + ": Failed with result 'exit-code'.",
		"11:00:04 restarting 1 11:00:04 " + unit + ": Scheduled restart job, restart counter is at 1.",
		"11:00:05 stopped 1 11:00:05 Stopped " + unit + ".",
		"11:00:06 starting 1 11:00:06 Starting " + unit + "...",
		"11:00:08 not-started 1 11:00:08 Failed to start " + unit + ".",
		"11:00:09 killed 1 11:00:09 " + unit + ": A process of this unit has been killed by the OOM killer.",
		"11:00:11 stopping 1 11:00:11 Stopping " + unit + "...",
		"11:00:12 stopped 1 11:00:12 " + unit + ": Deactivated successfully.",
		`11:00:13 started 1 11:00:13 Started \x1b[2J` + unit + ".",
	}
	j.follow(s)
	if diff := cmp.Diff(want, wordsIn(t, s)); diff != "" {
		t.Errorf("the journal (-want +got):\n%s", diff)
	}
	dumped := mustOpen(t)
	dumpJournal(t, dumped, j.ctl("--output=export", "--all"))
	if diff := cmp.Diff(want, wordsIn(t, dumped)); diff != "" {
		t.Errorf("a dump (-want +got):\n%s", diff)
	}
	// All of it is read again.
	setJournalState(t, s, "{}")
	j.follow(s)
	dumpJournal(t, s, j.ctl("--output=export", "--all"))
	if diff := cmp.Diff(want, wordsIn(t, s)); diff != "" {
		t.Errorf("read again (-want +got):\n%s", diff)
	}
	err := s.View(t.Context(), func(tx *store.Tx) error {
		for _, test := range []struct {
			at    int64
			state string
			since int64
		}{{at(-9), "", 0}, {at(2), "", 0}, {at(3), store.UnitFailed, at(3)}, {at(10), store.UnitNotStarted, at(8)}, {now, store.UnitStarted, at(13)}} {
			if state, since, err := tx.UnitState(test.at); err != nil || state != test.state || since != test.since {
				t.Errorf("at %d the unit is %q since %d (%v), want %q since %d", test.at, state, since, err, test.state, test.since)
			}
		}
		if failures, restarts, err := tx.UnitRestarts(at(0), at(14)); err != nil || failures != 1 || restarts != 1 {
			t.Errorf("%d failures and %d restarts (%v), want one of each", failures, restarts, err)
		}
		words, err := tx.ReceiverSaid(at(0), at(7)+1)
		if diff := cmp.Diff([]store.ReceiverWord{{Kind: store.KindTraceback, Text: failing, Count: 2, First: at(0) + 3, Last: at(7)},
			{Kind: store.KindError, Text: "Exception in ASGI application", Count: 1, First: at(0), Last: at(0)}}, words); diff != "" {
			t.Errorf("it said (-want +got):\n%s", diff)
		}
		return err
	})
	mustDo(t, err)
}

// randomWords returns a dump with floods of errors and states, and lines of clients.
func randomWords(r *rand.Rand, n int) []byte {
	var b bytes.Buffer
	at := now - 3*store.Hour
	for i := range n {
		if at += r.Int64N(store.Second / 2); r.IntN(800) == 0 {
			at += r.Int64N(10 * store.Minute)
		}
		e := said(at, fmt.Sprintf("ERROR: no. %d of ep-%d", r.IntN(1+i%400), r.Int64()))
		switch r.IntN(8) {
		case 0:
			e.message = "Traceback (most recent call last):"
		case 1:
			e.message = "  File \"x.py\", line 1, in f\n    f()"
		case 2:
			e.message = fmt.Sprintf("OSError: [Errno %d] x", r.IntN(3))
		case 3:
			ids := []string{unitStarting, unitStarted, unitStopped, unitResult, unitRestart, unitExit}
			e = byPID1(at, unit, ids[r.IntN(len(ids))], fmt.Sprint("state ", i))
		case 4:
			e.message = `INFO:     10.0.0.1:5 - "PUT /v1/episodes/a/ERROR: HTTP/1.1" 500 Internal Server Error`
		case 5:
			e.message, e.priority = fmt.Sprint("host=a, failure ", r.IntN(9), "\nERROR: second line"), 3
		}
		b.WriteString(exportOf(e))
	}
	return b.Bytes()
}

// TestAnySplitGivesTheSameWords reads a growing dump in pieces, with passes that are killed
// before they store their position, and others that read all of it again.
func TestAnySplitGivesTheSameWords(t *testing.T) {
	t.Parallel()
	for seed := range uint64(5) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 19))
			content := randomWords(r, 1500)
			whole := mustOpen(t)
			dumpJournal(t, whole, content)
			want := wordsIn(t, whole)
			if len(want) < 200 || !strings.Contains(strings.Join(want, "\n"), "(more messages)") {
				t.Fatalf("only %d words: no quota was reached", len(want))
			}
			s, path := mustOpen(t), filepath.Join(t.TempDir(), "dump")
			for n := 0; n < len(content); {
				n = min(n+1+r.IntN(len(content)/6), len(content))
				mustDo(t, os.WriteFile(path, content[:n], 0o600))
				ingest.Dump(t.Context(), s, ingest.DumpOptions{Path: path, Unit: "cis490-receiver", Now: now})
				if r.IntN(3) == 0 {
					mustDo(t, s.Update(t.Context(), func(tx *store.Tx) error { _, err := tx.Exec("DELETE FROM cursors"); return err }))
				}
			}
			if diff := cmp.Diff(want, wordsIn(t, s)); diff != "" {
				t.Errorf("words differ (-one pass +many):\n%s", diff)
			}
		})
	}
}
