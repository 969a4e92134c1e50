package faults

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cis490/fleet-health/cmd/internal/cli"
	"github.com/cis490/fleet-health/cmd/internal/fleettest"
	"github.com/cis490/fleet-health/store"
	"github.com/cis490/fleet-health/store/isotime"
)

// scene is a fleet before a pass that a test disturbs.
type scene struct {
	t       *testing.T
	name    string
	command string // pass or rebuild
	heal    string // the command to run after the disturbed one
	keeps   []byte // the content of the database that must be moved aside; nil for none
	dir     string // the files that the pass finds
	journal string // a directory of journal files; "" for journal.export in dir
	at      string // the directory for copies; "" for the test's own directory
	disk    *disk  // the disk of the copies, if its power can be cut
	now     time.Time
	want    string // the data that an undisturbed pass leaves
	atLeast int    // the least number of points of an undisturbed pass, to check the sweep
	slow    bool   // the pass has too many points to try each fault at each of them
}

// in returns the scene for a subtest.
func (s *scene) in(t *testing.T) *scene {
	one := *s
	one.t = t
	return &one
}

// after returns a scene that starts with the data that the pass of s left, an hour later.
func (s *scene) after(name string, atLeast int) *scene {
	s.t.Helper()
	next := &scene{t: s.t, name: name, command: "pass", heal: "pass", dir: s.copied(), now: s.now.Add(time.Hour), atLeast: atLeast}
	if code, said := s.pass(next.dir); code != cli.ExitOK {
		s.t.Fatalf("exit %d\n%s", code, said)
	}
	return next
}

func (s *scene) file(name string, content []byte) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), content, 0o640); err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) read(name string) []byte {
	s.t.Helper()
	content, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		s.t.Fatal(err)
	}
	return content
}

func (s *scene) args(dir string) []string {
	journal := []string{"--journal-export", dir + "/journal.export"}
	if s.journal != "" {
		journal = []string{"--journal-directory", s.journal}
	}
	return append([]string{s.command, "--db", dir + "/fleet.db", "--index-path", dir + "/index.jsonl", "--alerts-path", dir + "/alerts.jsonl",
		"--now", s.now.Format(time.RFC3339), "--log-level", "warning"}, journal...)
}

// pass runs a pass in dir, as the timer does.
func (s *scene) pass(dir string) (code int, said string) { return s.execute("pass", dir) }

func (s *scene) execute(command, dir string) (code int, said string) {
	var stderr bytes.Buffer
	args := s.args(dir)
	args[0] = command
	code = cli.Run(s.t.Context(), args, fleettest.Env(s.now, &stderr))
	return code, stderr.String()
}

// ready sets want, from an undisturbed pass on a copy of the scene.
func (s *scene) ready() *scene {
	s.t.Helper()
	dir := s.copied()
	if code, said := s.execute(s.command, dir); code != cli.ExitOK {
		s.t.Fatalf("%s: exit %d\n%s", s.name, code, said)
	}
	s.want = left(s.t, dir)
	return s
}

// scenes are the passes that the sweeps disturb.
func scenes(t *testing.T) []*scene {
	first := firstRun(t)
	steady := first.after("steady", 98)
	steady.appendIndex(fleettest.Ship("lab-0", steady.now.Add(-5*time.Minute)) + fleettest.Ship("lab-9", steady.now.Add(-time.Minute)))
	steady.file("journal.export", append(steady.read("journal.export"), rejections(steady.now)...))
	steady.ready()
	rebuild := rebuilt(first)
	again := rebuild.in(t)
	again.name, again.heal = "rebuild, and again", "rebuild"
	crashed := exportAfterCrash(steady)
	return []*scene{first, steady, ofJournalFiles(first), backlog(first), rotation(first), crashed, exportAfterRotation(crashed), rebuild, again}
}

// firstRun returns the first pass on a fleet. Some rows are so old that they are pruned at
// once.
func firstRun(t *testing.T) *scene {
	s := &scene{t: t, name: "first run", command: "pass", heal: "pass", dir: t.TempDir(), now: fleettest.Now, atLeast: 325}
	var index, journal strings.Builder
	for i := range 400 {
		at := s.now.Add(-time.Duration(400-i)*30*time.Second - 10*time.Minute)
		if i%40 == 7 {
			fmt.Fprintf(&index, "no row %d\n", i)
			index.WriteString(fleettest.Ship("lab-0", at.AddDate(0, 0, -200)))
		}
		if i%3 != 1 || i < 200 {
			fmt.Fprintf(&index, `{"host_id": "lab-%d", "received_at_wall": %q, "code_commit": "c%d"}`+"\n", i%3, isotime.Format(at.UnixMicro()), i/200)
		}
		status := 200
		if i%3 == 2 && i > 300 {
			status = 412
		}
		journal.WriteString(fleettest.Entry(i, at.UnixMicro(), fmt.Sprintf(`"PUT /v1/episodes/lab-%d/%d HTTP/1.1" %d`, i%3, i, status)))
	}
	for i := range 20 {
		at := s.now.Add(time.Duration(i-20) * time.Minute).UnixMicro()
		journal.WriteString(fleettest.Entry(6000+i, at, fmt.Sprint("ERROR:    no. ", i%3)))
		journal.WriteString(strings.Replace(fleettest.Entry(7000+i, at+1, "Started cis490-receiver.service."),
			"_SYSTEMD_UNIT=", "_PID=1\nMESSAGE_ID=39f53479d3a045ac8e11786248231fbf\nUNIT=", 1))
	}
	s.file("index.jsonl", []byte(index.String()))
	s.file("journal.export", []byte(journal.String()))
	s.written("index.jsonl", s.now.Add(-10*time.Minute))
	return s.ready()
}

// ofJournalFiles returns a steady pass as on a receiver: journalctl reads on from the
// cursor.
func ofJournalFiles(first *scene) *scene {
	fleettest.Need(first.t, fleettest.JournalRemote)
	s := first.after("journal files", 110)
	s.journal = s.t.TempDir()
	log := func(from, to int) {
		var entries strings.Builder
		for i := from; i < to; i++ {
			at := s.now.Add(time.Duration(i-40) * time.Second)
			fields := fmt.Sprintf("_SYSTEMD_UNIT=cis490-receiver.service\nMESSAGE=\"PUT /v1/episodes/lab-%d/%d HTTP/1.1\" 412", i%3, i)
			entries.WriteString(fleettest.JournalEntry(at.UnixMicro(), int64(i+1)*store.Second, 0, fields))
		}
		fleettest.WriteJournal(s.t, s.journal+"/receiver.journal", []byte(entries.String()))
	}
	log(0, 4)
	if code, said := s.pass(s.dir); code != cli.ExitOK {
		s.t.Fatalf("exit %d\n%s", code, said)
	}
	log(4, 40)
	s.appendIndex(fleettest.Ship("lab-9", s.now.Add(-time.Minute)))
	return s.ready()
}

// backlog returns a pass that finds 100,500 new rows, which are two batches.
func backlog(first *scene) *scene {
	s := first.after("backlog", 2650)
	s.slow = true
	var rows strings.Builder
	for i := range 100_500 {
		rows.WriteString(fleettest.Ship(fmt.Sprintf("lab-%d", i%50), first.now.Add(time.Duration(i)*30*time.Millisecond)))
	}
	s.appendIndex(rows.String())
	return s.ready()
}

// manyAlerts returns a pass that appends 100 KiB of alerts. It learns the rhythms of all hosts, so
// that one more pass changes nothing.
func manyAlerts(first *scene) *scene {
	s := first.after("many alerts", 50)
	var rows strings.Builder
	for i := range 240 {
		rows.WriteString(fleettest.Ship(fmt.Sprintf("lab-%d", i+100), s.now.Add(-time.Hour)))
	}
	s.appendIndex(rows.String())
	return s.ready()
}

// rotation returns a pass that finds a new index, the rotated old one, and an older rotated
// file with lines that no pass has read.
func rotation(first *scene) *scene {
	s := first.after("rotation", 113)
	at := s.now.Add(-50 * time.Minute)
	s.file("index.jsonl.2", append(s.read("index.jsonl"), fleettest.Ship("lab-0", at)...))
	s.file("index.jsonl.1", []byte(fleettest.Ship("lab-1", at.Add(time.Minute))))
	s.file("index.jsonl", []byte(fleettest.Ship("lab-9", at.Add(2*time.Minute))))
	s.written("index.jsonl.2", at)
	s.written("index.jsonl.1", at.Add(time.Minute))
	return s.ready()
}

// exportAfterCrash returns a pass after one that was killed while it appended its alerts.
// The last alert is torn, and none is marked.
func exportAfterCrash(steady *scene) *scene {
	s := steady.in(steady.t)
	s.name, s.dir = "export after a crash", steady.copied()
	s.disturbed(s.dir, disturbance{point{call: "fsync", path: "alerts.jsonl", nth: 1}, kill})
	alerts := s.read("alerts.jsonl")
	s.file("alerts.jsonl", alerts[:len(alerts)-40])
	s.atLeast = 75
	return s.ready()
}

// exportAfterRotation is exportAfterCrash, but the file was rotated away since.
func exportAfterRotation(crashed *scene) *scene {
	s := crashed.in(crashed.t)
	s.name, s.dir = "export after a rotation", crashed.copied()
	if err := os.Rename(s.dir+"/alerts.jsonl", s.dir+"/alerts.jsonl.1"); err != nil {
		s.t.Fatal(err)
	}
	return s.ready()
}

// rebuilt returns a rebuild from rotated files, one of them compressed, that replaces a
// database with damaged pages.
func rebuilt(first *scene) *scene {
	s := first.after("rebuild", 380)
	s.command = "rebuild"
	index := s.read("index.jsonl")
	cut := bytes.IndexByte(index[len(index)/2:], '\n') + len(index)/2 + 1
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(index[:cut]); err != nil {
		s.t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		s.t.Fatal(err)
	}
	at := s.now.Add(-50 * time.Minute)
	s.file("index.jsonl.2.gz", packed.Bytes())
	s.file("index.jsonl.1", index[cut:])
	s.file("index.jsonl", []byte(fleettest.Ship("lab-9", at)))
	s.written("index.jsonl.2.gz", at)
	s.written("index.jsonl.1", at.Add(time.Minute))
	db := s.read("fleet.db")
	clear(db[len(db)/2 : len(db)/2+64<<10])
	s.file("fleet.db", db)
	s.keeps = db
	return s.ready()
}

// rejections returns a dozen rejections of the last minute.
func rejections(now time.Time) []byte {
	var journal strings.Builder
	for i := range 12 {
		journal.WriteString(fleettest.Entry(5000+i, now.Add(-time.Minute).UnixMicro()+int64(i), "host=lab-2 missing X-Cis490-Code-Commit"))
	}
	return []byte(journal.String())
}

func (s *scene) appendIndex(rows string) {
	s.t.Helper()
	s.file("index.jsonl", slices.Concat(s.read("index.jsonl"), []byte(rows)))
}

// written sets the modification time of a file, which orders rotated files.
func (s *scene) written(name string, at time.Time) {
	s.t.Helper()
	if err := os.Chtimes(filepath.Join(s.dir, name), at, at); err != nil {
		s.t.Fatal(err)
	}
}

// copied returns a copy of the scene to run a pass on.
func (s *scene) copied() (dir string) {
	s.t.Helper()
	dir, err := os.MkdirTemp(cmp.Or(s.at, s.t.TempDir()), "")
	if err != nil {
		s.t.Fatal(err)
	}
	s.fill(dir)
	return dir
}

// fill makes an empty directory a copy of the scene.
func (s *scene) fill(dir string) {
	s.t.Helper()
	copyDir(s.t, s.dir, dir)
	if s.disk != nil {
		s.disk.sync(s.t)
	}
}

// copyDir copies a directory, with the times of its files.
func copyDir(t *testing.T, from, to string) {
	t.Helper()
	err := os.CopyFS(to, os.DirFS(from))
	entries, readErr := os.ReadDir(from)
	for _, e := range entries {
		info, infoErr := e.Info()
		err = errors.Join(err, infoErr)
		if infoErr == nil {
			err = errors.Join(err, os.Chtimes(filepath.Join(to, e.Name()), info.ModTime(), info.ModTime()))
		}
	}
	if err := errors.Join(err, readErr); err != nil {
		t.Fatal(err)
	}
}
