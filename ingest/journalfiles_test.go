package ingest_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cis490/fleet-health/ingest"
	"github.com/cis490/fleet-health/store"
)

// TestMain lets the test binary stand in for journalctl. Called by that name, it runs the
// shell script beside the link. A script that is written and run at once may fail with
// "text file busy".
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == fakeName {
		script := filepath.Join(filepath.Dir(os.Args[0]), "script")
		err := syscall.Exec("/bin/sh", append([]string{"sh", script}, os.Args[1:]...), os.Environ())
		fmt.Fprintln(os.Stderr, err)
		os.Exit(127)
	}
	os.Exit(m.Run())
}

const fakeName = "fake-journalctl"

// fakeJournalctl returns a command that runs a shell script. In the script, $dir is a
// directory for this fake.
func fakeJournalctl(t testing.TB, script string) (command string) {
	t.Helper()
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command = filepath.Join(dir, fakeName)
	if err := os.Symlink(self, command); err != nil {
		t.Fatal(err)
	}
	rewriteFake(t, command, script)
	return command
}

func rewriteFake(t testing.TB, command, script string) {
	t.Helper()
	dir := filepath.Dir(command)
	if err := os.WriteFile(filepath.Join(dir, "script"), []byte("dir='"+dir+"'\n"+script+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// need skips a test if a part of the system is missing. In CI it fails the test.
func need(t testing.TB, ok bool, what string) {
	t.Helper()
	switch {
	case ok:
	case os.Getenv("CI") != "":
		t.Fatal("this test needs " + what)
	default:
		t.Skip("this test needs " + what)
	}
}

const journalRemote = "/lib/systemd/systemd-journal-remote"

func needJournal(t testing.TB) {
	t.Helper()
	_, err := os.Stat(journalRemote)
	need(t, err == nil, "systemd-journal-remote")
	_, err = exec.LookPath("journalctl")
	need(t, err == nil, "journalctl")
}

// logged is a journal entry. export leaves out zero fields except boot.
type logged struct {
	at, monotonic int64 // microseconds
	boot          int
	unit          string
	pid           int
	priority      int
	message       string
	fields        []string // NAME=value; the value may contain any bytes
}

const unit = "cis490-receiver.service"

// put returns an entry with an access line. Its monotonic clock started at 08:00.
func put(at int64, boot int, host string, status int) logged {
	return logged{at: at, monotonic: at - now + 4*store.Hour, boot: boot, unit: unit, pid: 77, priority: 6,
		message: fmt.Sprintf(`10.0.0.1:4711 - "PUT /v1/episodes/%s/e%d HTTP/1.1" %d`, host, at, status)}
}

func bootID(n int) string { return fmt.Sprintf("%031xb", n+1) }

func (l logged) export() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=%d\n_BOOT_ID=%s\n_MACHINE_ID=%032x\n", l.at, l.monotonic, bootID(l.boot), 0xc)
	fields := append([]string{}, l.fields...)
	if l.unit != "" {
		fields = append(fields, "_SYSTEMD_UNIT="+l.unit)
	}
	if l.pid != 0 {
		fields = append(fields, fmt.Sprint("_PID=", l.pid))
	}
	if l.priority != 0 {
		fields = append(fields, fmt.Sprint("PRIORITY=", l.priority))
	}
	if l.message != "" {
		fields = append(fields, "MESSAGE="+l.message)
	}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, "=")
		fmt.Fprintf(&b, "%s\n", name)
		b.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(value))))
		b.WriteString(value + "\n")
	}
	b.WriteString("\n")
	return b.Bytes()
}

// journalFiles is a directory of real journal files.
type journalFiles struct {
	t   testing.TB
	dir string
}

func newJournalFiles(t testing.TB) *journalFiles {
	t.Helper()
	needJournal(t)
	return &journalFiles{t: t, dir: t.TempDir()}
}

func (j *journalFiles) path(name string) string { return filepath.Join(j.dir, name+".journal") }

// write appends entries to a file. Each file numbers its entries independently.
func (j *journalFiles) write(name string, entries ...logged) {
	j.t.Helper()
	var b bytes.Buffer
	for _, e := range entries {
		b.Write(e.export())
	}
	cmd := exec.Command(journalRemote, "--output="+j.path(name), "-")
	cmd.Stdin = &b
	if out, err := cmd.CombinedOutput(); err != nil {
		j.t.Fatalf("journal-remote: %v: %s", err, out)
	}
}

func (j *journalFiles) remove(name string) {
	j.t.Helper()
	if err := os.Remove(j.path(name)); err != nil {
		j.t.Fatal(err)
	}
}

// ctl runs the real journalctl on the directory.
func (j *journalFiles) ctl(args ...string) []byte {
	j.t.Helper()
	out, err := exec.Command("journalctl", append([]string{"--no-pager", "--quiet", "--directory=" + j.dir}, args...)...).Output()
	if err != nil {
		j.t.Fatalf("journalctl: %v", err)
	}
	return out
}

func (j *journalFiles) options() ingest.JournalOptions {
	return ingest.JournalOptions{Unit: "cis490-receiver", Directory: j.dir, Now: now, Timeout: time.Minute}
}

// follow runs a pass, which must succeed.
func (j *journalFiles) follow(s *store.Store) ingest.Result {
	j.t.Helper()
	return followWith(j.t, s, j.options())
}

func followWith(t testing.TB, s *store.Store, opts ingest.JournalOptions) ingest.Result {
	t.Helper()
	result, err := ingest.Journal(t.Context(), s, opts)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// rows runs a query on the store.
func rows(t testing.TB, s *store.Store, query string, args ...any) (list []string) {
	t.Helper()
	if err := s.Update(t.Context(), func(tx *store.Tx) error { return tx.Select(&list, query, args...) }); err != nil {
		t.Fatal(err)
	}
	return list
}

// putsOf returns the stored PUTs as "host status", by time.
func putsOf(t testing.TB, s *store.Store) string {
	t.Helper()
	return strings.Join(rows(t, s, "SELECT host || ' ' || status FROM put_log ORDER BY at, host"), ", ")
}

// gapsOf returns the reasons of the stored gaps. Recovered gaps are in parentheses.
func gapsOf(t testing.TB, s *store.Store) string {
	t.Helper()
	return strings.Join(rows(t, s, `
		SELECT CASE WHEN recovered_at IS NULL THEN reason ELSE '(' || reason || ')' END
		FROM gap_log
		ORDER BY from_at, reason`), ", ")
}

// expect compares a result with the wanted text.
func expect(t testing.TB, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

// journalErr runs a pass and returns its error.
func journalErr(t testing.TB, s *store.Store, opts ingest.JournalOptions) (ingest.Result, error) {
	t.Helper()
	return ingest.Journal(t.Context(), s, opts)
}

func dumpJournal(t testing.TB, s *store.Store, export []byte) ingest.Result {
	t.Helper()
	result, err := ingest.Dump(t.Context(), s, ingest.DumpOptions{Path: "-", Stdin: bytes.NewReader(export), Unit: "cis490-receiver", Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// setJournalState overwrites the stored cursor.
func setJournalState(t testing.TB, s *store.Store, state string) {
	t.Helper()
	err := s.Update(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec("UPDATE cursors SET state = ? WHERE source_id = (SELECT id FROM sources WHERE stream = 'journal')", state)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
