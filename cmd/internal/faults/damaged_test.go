package faults

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cis490/fleet-health/cmd/internal/cli"
	"github.com/cis490/fleet-health/cmd/internal/fleettest"
	"github.com/google/go-cmp/cmp"
)

// maxResident is the memory in KiB that a command may use on any database.
const maxResident = 64 << 10

// damagable returns a pass over new rows, and a database with all kinds of pages.
func damagable(t *testing.T, ships int) *scene {
	first := firstRun(t)
	index := string(first.read("index.jsonl"))
	var old, rows strings.Builder
	for i := range ships {
		at := first.now.Add(-time.Duration(i) * 8 * time.Second)
		rows.WriteString(fleettest.Ship(fmt.Sprintf("lab-%d", i%200), at))
		for n := range 4 { // pruned: they leave more free pages than the rhythms of the hosts take
			old.WriteString(fleettest.Ship("lab-0", at.AddDate(0, 0, -200-n)))
		}
	}
	first.file("index.jsonl", []byte(index+old.String()+rows.String()))
	s := first.after("damaged", 0)
	if code, said := s.pass(s.dir); code != cli.ExitOK {
		t.Fatalf("exit %d\n%s", code, said)
	}
	// A pass prunes for a short time only. What it left would be in some results and not in others.
	var said bytes.Buffer
	if code := cli.Run(t.Context(), []string{"prune", "--before", "90d", "--db", s.dir + "/fleet.db"}, fleettest.Env(s.now, &said)); code != cli.ExitOK {
		t.Fatalf("exit %d\n%s", code, &said)
	}
	s.file("index.jsonl", []byte(index+rows.String()+fleettest.Ship("lab-0", s.now.Add(-5*time.Minute))+fleettest.Ship("lab-9", s.now.Add(-time.Minute))))
	s.file("journal.export", append(s.read("journal.export"), rejections(s.now)...))
	return s.ready()
}

// damaged is a damaged database.
type damaged struct {
	*scene
	name, dir, rebuilt string
}

// check runs the commands on the database, and returns what the program did with it.
func (d *damaged) check() string {
	whole := integrity(d.t, d.dir)
	before := d.sum()
	db := []string{"--db", d.dir + "/fleet.db", "--now", d.now.Format(time.RFC3339)}
	for _, reader := range [][]string{{"report"}, {"report", "lab-0"}, {"alerts"}, {"alerts", "--host", "lab-2"}, {"status"}, {"status", "--check"},
		{"query", "SELECT * FROM host_hourly ORDER BY ships, host"}, {"query", "SELECT COUNT(*) FROM ship_log"}, {"prune", "--before", "30d", "--dry-run"},
		{"backup", d.dir + "/backup"}, {"doctor", "--index-path", d.dir + "/index.jsonl", "--alerts-path", d.dir + "/alerts.jsonl"}} {
		args := append(reader, db...)
		if reader[0] == "prune" || reader[0] == "backup" {
			args = args[:len(args)-2] // no --now
		}
		d.runs(args...)
		os.Remove(d.dir + "/backup")
	}
	if after := d.sum(); after != before {
		d.t.Errorf("%s: a reader has changed it", d.name)
	}
	code, said := d.runs(d.args(d.dir)...)
	if code == cli.ExitOK {
		if whole != "ok" {
			d.t.Errorf("%s: the pass took it, but SQLite says: %s", d.name, whole)
		}
		if left(d.t, d.dir) == d.want {
			return "harmless"
		}
		return "undetectable"
	}
	if after := d.sum(); after != before {
		d.t.Errorf("%s: the pass refused it, but has changed it\n%s", d.name, said)
	}
	byRebuild := strings.Contains(said, "`cis490-fleet-health rebuild`")
	otherwise := strings.Contains(said, "name another file with --db") || strings.Contains(said, "install the newer program") || strings.Contains(said, "not a regular file")
	if strings.Count(said, " ERROR ") != 1 || !byRebuild && !otherwise {
		d.t.Errorf("%s: exit %d without the way out: %s", d.name, code, said)
	}
	if code, again := d.runs("prune", "--before", "30d", "--db", d.dir+"/fleet.db"); code == cli.ExitOK || d.sum() != before {
		d.t.Errorf("%s: refused by the pass, but prune exits with %d and may have changed it\n%s", d.name, code, again)
	}
	args := d.args(d.dir)
	args[0] = "rebuild"
	switch code, said := d.runs(args...); {
	case code == cli.ExitOK:
		if diff := cmp.Diff(d.rebuilt, left(d.t, d.dir)); diff != "" {
			d.t.Errorf("%s: rebuilt (-from nothing +from this):\n%s", d.name, diff)
		}
	case byRebuild:
		d.t.Errorf("%s: rebuild exits with %d\n%s", d.name, code, said)
	case d.sum() != before:
		d.t.Errorf("%s: rebuild refused it, but has changed it\n%s", d.name, said)
	}
	return "refused"
}

// runs runs a command, and checks the promises of every command.
func (d *damaged) runs(args ...string) (code int, said string) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "cis490-fleet-health-measured", args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	cmd.Run()
	said, peak, measured := strings.Cut(stderr.String(), fleettest.PeakMark)
	code = cmd.ProcessState.ExitCode()
	if code < 0 || code > cli.ExitUsage || strings.Contains(said, "goroutine ") || !measured {
		d.t.Errorf("%s: %s: exit %d\n%.2000s", d.name, args, code, said)
	}
	if kib, err := strconv.Atoi(peak); measured && (err != nil || kib == 0 || kib > maxResident) {
		d.t.Errorf("%s: %s: %s KiB of memory", d.name, args, peak)
	}
	return code, said
}

// at runs a pass with a later clock. It runs in this process, because another process
// takes its clock from the system.
func (d *damaged) at(later time.Duration) (code int, said string) {
	d.t.Helper()
	var stderr bytes.Buffer
	s := *d.scene
	s.now = s.now.Add(later)
	code = cli.Run(d.t.Context(), s.args(d.dir), fleettest.Env(s.now, &stderr))
	return code, stderr.String()
}

// sum returns a checksum of the database and its log. An empty log counts as none.
func (d *damaged) sum() string {
	content, err := os.ReadFile(d.dir + "/fleet.db")
	log, _ := os.ReadFile(d.dir + "/fleet.db-wal")
	return fmt.Sprintf("%x %x %d %v", sha256.Sum256(content), sha256.Sum256(log), len(content), errors.Is(err, os.ErrNotExist))
}

// integrity returns SQLite's report on a copy of the database and its log.
func integrity(t *testing.T, dir string) (found string) {
	t.Helper()
	copied := t.TempDir()
	defer os.RemoveAll(copied)
	copyDir(t, dir, copied)
	db, err := sql.Open("sqlite", "file:"+copied+"/fleet.db")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	// The first pragma checks the list of free pages, which the second skips if there are
	// views.
	for _, pragma := range []string{"PRAGMA integrity_check(sqlite_schema)", "PRAGMA integrity_check(1)"} {
		if err := db.QueryRow(pragma).Scan(&found); err != nil || found != "ok" {
			return found + fmt.Sprint(err)
		}
	}
	return found
}
