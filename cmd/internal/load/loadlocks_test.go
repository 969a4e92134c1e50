package load

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cis490/fleet-health/cmd/internal/fleettest"
)

// summarized matches the log line of a pass that read the index.
var summarized = regexp.MustCompile(`(?m)INFO \d+ hosts; index: (\d+) new rows;`)

// TestFiftyPassesAtOnceDoTheWorkOnce starts fifty passes at once. One does the work. The
// others leave it to that one or find nothing to do.
func TestFiftyPassesAtOnceDoTheWorkOnce(t *testing.T) {
	bed := loadBed(t)
	const passes, rows = 50, 100
	rounds := fleettest.LongOr(200, 4)
	hours, worked, left := map[int64]bool{}, 0, 0 // a host that stopped shipping has an alert in each hour
	bed.lines(bed.index, 1, func(w io.Writer, _ int) { io.WriteString(w, fleettest.Ship("gone", bed.now.Add(-time.Hour))) })
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

// atOnce runs n processes of the program at once, and returns the output of each. All must
// exit with 0.
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

// once fails unless a file has the wanted number of alerts, each key once.
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
