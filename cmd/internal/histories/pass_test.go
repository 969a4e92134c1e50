package histories

import (
	"bytes"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/cis490/fleet-health/cmd/internal/cli"
	"github.com/cis490/fleet-health/cmd/internal/fleettest"
)

func (m *machine) passArgs() []string {
	return []string{"pass", "--db", m.db(), "--index-path", m.dir + "/index.jsonl", "--alerts-path", m.alertsPath(),
		"--journal-directory", m.dir + "/journal", "--log-level", "info"}
}

// run runs a pass in this process.
func (m *machine) run() (code int, said string) {
	m.flush()
	var stderr bytes.Buffer
	e := fleettest.Env(time.UnixMicro(m.clock), &stderr)
	e.BusyTimeout = 20 * time.Millisecond
	code = cli.Run(m.t.Context(), m.passArgs(), e)
	return code, stderr.String()
}

func (m *machine) pass() {
	code, said := m.run()
	m.passed(code, said)
}

// twoPasses starts two passes at once. One of them may leave the work to the other.
func (m *machine) twoPasses() {
	m.flush()
	var both sync.WaitGroup
	codes, said := make([]int, 2), make([]string, 2)
	for i := range 2 {
		both.Go(func() { codes[i], said[i] = m.run() })
	}
	both.Wait()
	if codes[0] != cli.ExitOK || codes[1] != cli.ExitOK {
		m.failf("two passes at once exit with %v\n%s", codes, strings.Join(said, "\n"))
	}
	m.passed(cli.ExitOK, said[0]+said[1])
}

// killedPass kills a pass at one of its system calls. A pass that ends before that call is a
// good one. It does not use --seccomp-bpf, with which strace cannot kill.
func (m *machine) killedPass() {
	m.flush()
	calls := []string{"pwrite64", "pwrite64", "write", "fsync", "fdatasync", "ftruncate", "unlink"}
	call := calls[m.r.IntN(len(calls))]
	nth := 1 + m.r.IntN(map[string]int{"pwrite64": 40, "fsync": 8, "fdatasync": 8}[call]+2)
	args := []string{"-f", "-qq", "-o", m.dir + "/strace", "-e", "trace=" + call, "-e", fmt.Sprintf("inject=%s:signal=KILL:when=%d", call, nth)}
	for _, path := range []string{m.db(), m.db() + "-wal", m.db() + "-journal", m.alertsPath()} {
		args = append(args, "-P", path) // without a path, strace could kill journalctl instead
	}
	args = append(append(args, "cis490-fleet-health-by-clock"), m.passArgs()...)
	cmd := exec.Command(fleettest.Strace, args...)
	cmd.Env = append(os.Environ(), fleettest.Pinned+"=1", fmt.Sprintf("%s=%d", fleettest.ClockVariable, m.clock))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	cmd.Run()
	status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if ok && status.Signaled() {
		m.killed()
		return
	}
	m.passed(cmd.ProcessState.ExitCode(), stderr.String())
}

// passWithoutIndex runs a pass while the index is missing.
func (m *machine) passWithoutIndex() {
	path := m.index.current.path
	m.check(os.Rename(path, m.dir+"/away"))
	code, said := m.run()
	m.check(os.Rename(m.dir+"/away", path))
	if code != cli.ExitUsage || !strings.Contains(said, "index source not read") {
		m.failf("without the index, exit %d\n%s", code, said)
	}
	m.compare(passRead{m.clock, false, strings.Contains(said, "was understood as a PUT")})
}

// passWithoutJournalFile runs a pass while journalctl omits a file. The model treats it as a
// killed pass: the next one reads the rest.
func (m *machine) passWithoutJournalFile() {
	m.flush()
	f := m.journal.files[m.r.IntN(len(m.journal.files))]
	if len(f.entries) == 0 {
		return
	}
	m.check(os.Rename(f.path, m.dir+"/away"))
	m.check(os.WriteFile(f.path, []byte("LPKSHHRH"), 0o600))
	m.check(os.Chtimes(f.path, time.Time{}, time.UnixMicro(m.clock)))
	code, said := m.run()
	m.check(os.Rename(m.dir+"/away", f.path))
	if code != cli.ExitUsage || !strings.Contains(said, "journalctl left out") {
		m.failf("without a journal file, exit %d\n%s", code, said)
	}
	m.killed()
	m.kills--
}

// operator opens the database as an operator's program does.
func (m *machine) operator(mode string) *sql.DB {
	db, err := sql.Open("sqlite", "file:"+m.db()+"?mode="+mode+"&_pragma=busy_timeout(10000)")
	m.check(err)
	db.SetMaxOpenConns(1)
	return db
}

// passBesideReader runs a pass during an operator's read transaction, which stays open for a
// while and must not see the pass.
func (m *machine) passBesideReader() {
	if m.reader != nil || !m.hasDatabase() {
		return
	}
	m.readerDB = m.operator("ro")
	tx, err := m.readerDB.Begin()
	m.check(err)
	m.reader = tx
	before := m.readerSees()
	m.pass()
	if after := m.readerSees(); after != before {
		m.failf("an open transaction saw %d ships, and then %d", before, after)
	}
	if m.r.IntN(2) == 0 {
		m.letGo()
	}
}

func (m *machine) readerSees() (ships int) {
	m.check(m.reader.QueryRow("SELECT COUNT(*) FROM ships").Scan(&ships))
	return ships
}

func (m *machine) letGo() {
	if m.reader != nil {
		m.reader.Rollback()
		m.readerDB.Close()
		m.reader = nil
	}
}

// passBesideWriter runs a pass during an operator's write transaction. The pass fails with a
// reason, and changes nothing.
func (m *machine) passBesideWriter() {
	if !m.hasDatabase() {
		return
	}
	m.letGo()
	db := m.operator("rw")
	defer db.Close()
	_, err := db.Exec("BEGIN IMMEDIATE")
	m.check(err)
	before := texts(m, db, "PRAGMA data_version")
	code, said := m.run()
	if code != cli.ExitFailed || !strings.Contains(said, "holds a write transaction") {
		m.failf("beside a writer, exit %d\n%s", code, said)
	}
	_, err = db.Exec("ROLLBACK")
	m.check(err)
	if !slices.Equal(before, texts(m, db, "PRAGMA data_version")) {
		m.failf("beside a writer, a pass has changed something")
	}
}
