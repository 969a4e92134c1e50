package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cis490/fleet-health/store"
)

// summarized is what the pass that worked says of the index.
var summarized = regexp.MustCompile(`(?m)INFO \d+ hosts; index: (\d+) new rows;`)

// TestFiftyPassesAtOnceDoTheWorkOnce starts passes as a timer gone wild would:
// one has the work, the others leave it to that one or find nothing to do.
func TestFiftyPassesAtOnceDoTheWorkOnce(t *testing.T) {
	bed := loadBed(t)
	const passes, rows = 50, 100
	rounds := longOr(200, 4)
	hours, worked, left := map[int64]bool{}, 0, 0 // a host that ships no more is an alert in each
	bed.lines(bed.index, 1, func(w io.Writer, _ int) { io.WriteString(w, ship("gone", bed.now.Add(-time.Hour))) })
	begun := time.Now()
	for round := range rounds {
		bed.now = bed.now.Add(5 * time.Minute)
		hours[bed.now.Unix()/3600] = true
		bed.appendIndex(bed.index, rows, 10, bed.now, 4*time.Minute)
		found := 0
		for _, said := range bed.atOnce(passes, append(bed.passArgs(bed.db(), bed.index, false), "--log-level", "info")) {
			if m := summarized.FindStringSubmatch(said); m != nil {
				n, _ := strconv.Atoi(m[1])
				found += n
				worked++
			} else if strings.Contains(said, "another pass is running") && strings.Count(said, "\n") == 1 {
				left++
			} else {
				t.Errorf("round %d: a pass has neither worked nor left the work to another: %q", round, said)
			}
		}
		if want := rows + max(0, 1-round); found != want {
			t.Fatalf("round %d: its passes have stored %d rows of %d", round, found, want)
		}
	}
	if got, want := bed.rows(bed.db()), rounds*rows+1; got != want {
		t.Errorf("%d rows are stored of %d", got, want)
	}
	once(t, bed.db()+".alerts", len(hours))
	t.Logf("load: %d passes at once, %d times: %d worked, %d left it to another, %d rows once, %d alerts once, in %.0f s",
		passes, rounds, worked, left, rounds*rows+1, len(hours), time.Since(begun).Seconds())
}

// atOnce runs n processes of the program, each of which must exit with 0, and
// returns what each has said.
func (t *bed) atOnce(n int, args []string) (said []string) {
	t.b.Helper()
	processes, stderr := make([]*exec.Cmd, n), make([]bytes.Buffer, n)
	for i := range processes {
		processes[i] = exec.Command(t.program, args...)
		processes[i].Stderr = &stderr[i]
		t.check(processes[i].Start())
	}
	for i, process := range processes {
		if err := process.Wait(); err != nil {
			t.b.Errorf("%v\n%s", err, &stderr[i])
		}
		said = append(said, stderr[i].String())
	}
	return said
}

// once fails if a file does not hold so many alerts, each key once.
func once(t *testing.T, path string, want int) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil && want > 0 {
		t.Error(err)
	}
	keys, lines := map[string]bool{}, 0
	for line := range strings.Lines(string(content)) {
		lines++
		keys[line[strings.LastIndex(line, `"dedup_key"`):]] = true
	}
	if len(keys) != want || lines != want {
		t.Errorf("%d alerts of %d keys stand in the file, and not %d", lines, len(keys), want)
	}
}

// operator is somebody's sqlite3, with a transaction that he has not ended.
type operator struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.WriteCloser
}

// anOperator begins a transaction, and returns once it holds its lock.
func anOperator(t *testing.T, db, begin string) *operator {
	t.Helper()
	need(t, "/usr/bin/sqlite3")
	o := &operator{t: t, cmd: exec.Command("/usr/bin/sqlite3", "-bail", "-batch", db)}
	in, err := o.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := o.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := o.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	o.in = in
	io.WriteString(in, begin+"SELECT 'begun';\n")
	lines := bufio.NewScanner(out)
	for lines.Scan() && lines.Text() != "begun" {
	}
	return o
}

// ends closes the operator's session, which rolls its transaction back.
func (o *operator) ends() {
	o.t.Helper()
	o.in.Close()
	if err := o.cmd.Wait(); err != nil {
		o.t.Errorf("sqlite3: %v", err)
	}
}

// hourOfPasses is a fleet that is passed over every 5 minutes. One of its hosts
// ships no more.
type hourOfPasses struct {
	t    *testing.T
	dir  string
	now  time.Time
	rows int // written to the index
}

func newHour(t *testing.T) *hourOfPasses {
	if raceDetector {
		t.Skip("the race detector does not see into the operator's process")
	}
	if !nightly() {
		t.Parallel()
	}
	// Half an hour before a full one: the passes reach into another hour of alerts.
	h := &hourOfPasses{t: t, dir: t.TempDir(), now: time.Date(2026, 5, 1, 11, 30, 0, 0, time.UTC)}
	h.ships(1, "gone")
	h.now = h.now.Add(time.Hour)
	if code, said := h.pass(100); code != exitOK {
		t.Fatalf("exit %d\n%s", code, said)
	}
	once(t, h.dir+"/alerts.jsonl", 1)
	return h
}

func (h *hourOfPasses) ships(n int, host string) {
	var index bytes.Buffer
	for i := range n {
		index.WriteString(ship(host, h.now.Add(-time.Duration(i)*time.Microsecond)))
	}
	h.rows += n
	f, err := os.OpenFile(h.dir+"/index.jsonl", os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = index.WriteTo(f)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	f.Close()
}

// pass writes so many rows, and makes a pass that does not wait long for a lock.
func (h *hourOfPasses) pass(rows int) (code int, said string) {
	h.now = h.now.Add(5 * time.Minute)
	h.ships(rows, "lab-1")
	var stderr bytes.Buffer
	e := testEnv(h.now, &stderr)
	e.busyTimeout = 20 * time.Millisecond
	code = run(h.t.Context(), []string{"pass", "--db", h.dir + "/fleet.db", "--index-path", h.dir + "/index.jsonl",
		"--alerts-path", h.dir + "/alerts.jsonl", "--journal", "none"}, e)
	return code, stderr.String()
}

// whole checks that the database holds all rows, and one pass that got through
// for each that should have.
func (h *hourOfPasses) whole(passes int) {
	h.t.Helper()
	got := asked(h.t, h.dir, "SELECT COUNT(*) FROM ship_log", "SELECT COUNT(*) FROM pass_log WHERE outcome = 'ok'", "SELECT COUNT(*) FROM pass_log")
	if want := fmt.Sprintf("--\n%d\n--\n%d\n--\n%d\n", h.rows, passes, passes); got != want {
		h.t.Errorf("rows, passes that got through, all passes: %q, want %q", got, want)
	}
}

func walSize(t *testing.T, dir string) int64 {
	t.Helper()
	info, err := os.Stat(dir + "/fleet.db-wal")
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// TestAnHourUnderAnOperatorsWrite: whoever forgets a transaction in which he has
// written keeps the passes out. They say so, and the next one misses nothing.
func TestAnHourUnderAnOperatorsWrite(t *testing.T) {
	h := newHour(t)
	operator := anOperator(t, h.dir+"/fleet.db", "BEGIN IMMEDIATE; DELETE FROM ships;\n")
	for range 12 {
		code, said := h.pass(1000)
		if code != exitFailed || strings.Count(said, "\n") != 1 || !strings.Contains(said, store.ErrLocked.Error()) ||
			!strings.Contains(said, "end the sqlite3 session") {
			t.Errorf("exit %d\n%s", code, said)
		}
		once(t, h.dir+"/alerts.jsonl", 1)
	}
	operator.ends()
	begun := time.Now()
	if code, said := h.pass(1000); code != exitOK || !strings.Contains(said, "index: 13000 new rows;") {
		t.Errorf("without the writer: exit %d\n%s", code, said)
	}
	h.whole(2)
	// Of this hour, and of the one that the operator's transaction began in.
	once(t, h.dir+"/alerts.jsonl", 2)
	t.Logf("load: an operator's write for 12 passes: each exits with 1, and the next stores 13000 rows in %.2f s", time.Since(begun).Seconds())
}

// TestAnHourUnderAnOperatorsRead: whoever forgets a transaction in which he has
// read keeps nobody out, but the write-ahead log grows until he ends it.
func TestAnHourUnderAnOperatorsRead(t *testing.T) {
	h := newHour(t)
	operator := anOperator(t, h.dir+"/fleet.db", "BEGIN; SELECT COUNT(*) FROM ships;\n")
	most, large := int64(0), 0
	for range 12 {
		code, said := h.pass(75_000)
		most = walSize(t, h.dir)
		if most > maxWAL {
			large++
		}
		if code != exitOK || strings.Contains(said, "a reader has kept the database open") != (most > maxWAL) {
			t.Errorf("exit %d, and the write-ahead log has %d bytes\n%s", code, most, said)
		}
	}
	if large == 0 || large == 12 {
		t.Errorf("the write-ahead log was too large behind %d passes of 12", large)
	}
	h.whole(13)
	once(t, h.dir+"/alerts.jsonl", 2)
	operator.ends()
	if code, said := h.pass(0); code != exitOK || strings.Contains(said, "write-ahead") || walSize(t, h.dir) != 0 {
		t.Errorf("without the reader: exit %d, and the write-ahead log has %d bytes\n%s", code, walSize(t, h.dir), said)
	}
	h.whole(14)
	t.Logf("load: an operator's read for 12 passes: all got through, the write-ahead log had %d MiB, and 0 after the next", most>>20)
}
