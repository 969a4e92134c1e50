package ingest_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cis490/fleet-health/store"
)

// TestLinesOfTheReceiver reads one entry of a real journal for each case.
func TestLinesOfTheReceiver(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 48<<10)
	access := func(path, version string) string { return fmt.Sprintf(`1.2.3.4:5 - "PUT %s %s" 200 OK`, path, version) }
	for name, test := range map[string]struct {
		entry logged
		puts  string
		other string // rejections, as "host reason"
	}{
		"an access line":                           {entry: logged{message: access("/v1/episodes/a/e", "HTTP/1.1")}, puts: "a 200"},
		"an access line of HTTP/1.0":               {entry: logged{message: access("/v1/episodes/a/e", "HTTP/1.0")}, puts: "a 200"},
		"an access line of HTTP/2":                 {entry: logged{message: access("/v1/episodes/a/e", "HTTP/2")}, puts: "a 200"},
		"an access line with a query":              {entry: logged{message: access("/v1/episodes/a/e?x=1&y=%20", "HTTP/1.1")}, puts: "a 200"},
		"a percent-encoded host":                   {entry: logged{message: access("/v1/episodes/lab%20a/e", "HTTP/1.1")}, puts: "lab a 200"},
		"a host encoded twice":                     {entry: logged{message: access("/v1/episodes/a%2520b/e", "HTTP/1.1")}, puts: "a%20b 200"},
		"a host encoded wrongly":                   {entry: logged{message: access("/v1/episodes/a%zz/e", "HTTP/1.1")}, puts: "a%zz 200"},
		"a host with an encoded slash":             {entry: logged{message: access("/v1/episodes/a%2Fb/e", "HTTP/1.1")}, puts: "(invalid) 200"},
		"a host with an encoded ESC":               {entry: logged{message: access("/v1/episodes/a%1b/e", "HTTP/1.1")}, puts: "(invalid) 200"},
		"colours":                                  {entry: logged{message: "\x1b[32mINFO\x1b[0m: 1.2.3.4:5 - \"\x1b[1mPUT /v1/episodes/a/e HTTP/1.1\x1b[0m\" \x1b[31m412 Precondition Failed\x1b[0m"}, puts: "a 412"},
		"a terminal sequence that is not a colour": {entry: logged{message: "\x1b]0;x\x07" + access("/v1/episodes/a/e", "HTTP/1.1")}, puts: "a 200"},
		"bytes that are not UTF-8":                 {entry: logged{message: "\xff\xfe " + access("/v1/episodes/a/e", "HTTP/1.1")}, puts: "a 200"},
		"a host that is not UTF-8":                 {entry: logged{message: access("/v1/episodes/\xff/e", "HTTP/1.1")}, puts: "(invalid) 200"},
		"two lines in one message":                 {entry: logged{message: access("/v1/episodes/a/e", "HTTP/1.1") + "\n" + access("/v1/episodes/b/e", "HTTP/1.1")}, puts: "a 200, b 200"},
		"no message":                               {entry: logged{fields: []string{"SYSLOG_IDENTIFIER=x"}}},
		"an empty message":                         {entry: logged{fields: []string{"MESSAGE="}}},
		"two messages: the first counts":           {entry: logged{fields: []string{"MESSAGE=" + access("/v1/episodes/a/e", "HTTP/1.1"), "MESSAGE=" + access("/v1/episodes/b/e", "HTTP/1.1")}}, puts: "a 200"},
		"48 KiB before the line":                   {entry: logged{message: long + access("/v1/episodes/a/e", "HTTP/1.1")}, puts: "a 200"},
		"a line that ends at 48 KiB":               {entry: logged{message: access("/v1/episodes/a/"+long, "HTTP/1.1")[:48<<10]}},
		"no status":                                {entry: logged{message: `"PUT /v1/episodes/a/e HTTP/1.1" -`}},
		"no host":                                  {entry: logged{message: access("/v1/episodes//e", "HTTP/1.1")}},
		"another method":                           {entry: logged{message: `1.2.3.4:5 - "GET /v1/episodes/a/e HTTP/1.1" 200`}},
		"a warning":                                {entry: logged{priority: 4, message: "refused host=a, no space"}, other: "a other"},
		"a warning of a colourful logger":          {entry: logged{message: "\x1b[33mWARNING\x1b[0m refused host=a"}, other: "a other"},
		"a warning about a missing commit":         {entry: logged{message: "host=a missing X-CIS490-Code-Commit"}, other: "a unstamped"},
		"a notice that names a host":               {entry: logged{priority: 5, message: "hello host=a"}},
		"a message of PID 1":                       {entry: logged{pid: 1, unit: "init.scope", fields: []string{"UNIT=" + unit}, message: access("/v1/episodes/a/e", "HTTP/1.1")}},
		"a message of PID 1 without a unit":        {entry: logged{pid: 1, unit: "-", fields: []string{"UNIT=" + unit}, message: "Failed with result host=a", priority: 4}},
		"a line of another unit":                   {entry: logged{unit: "other.service", message: access("/v1/episodes/a/e", "HTTP/1.1")}},
		"a line of another unit about this one":    {entry: logged{unit: "other.service", fields: []string{"_UID=0", "OBJECT_SYSTEMD_UNIT=" + unit}, message: access("/v1/episodes/a/e", "HTTP/1.1")}},
		"an unknown field":                         {entry: logged{fields: []string{"X=" + long + "\n\n__CURSOR=fake\n"}, message: access("/v1/episodes/a/e", "HTTP/1.1")}, puts: "a 200"},
		"a message like an export stream":          {entry: logged{message: "x\n\n__CURSOR=fake\n__REALTIME_TIMESTAMP=1\nMESSAGE=x\n\n" + access("/v1/episodes/a/e", "HTTP/1.1")}, puts: "a 200"},
		"a host of control characters":             {entry: logged{priority: 4, message: "host=\x00\x01"}, other: "(invalid) other"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j, s := newJournalFiles(t), mustOpen(t)
			e := test.entry
			e.at, e.monotonic = now-store.Minute, store.Second
			switch e.unit {
			case "":
				e.unit = unit
			case "-":
				e.unit = ""
			}
			j.write("one", e)
			j.follow(s)
			expect(t, "PUTs", putsOf(t, s), test.puts)
			expect(t, "rejections", strings.Join(rows(t, s, "SELECT host || ' ' || reason FROM rejection_log"), ", "), test.other)
			dumped := mustOpen(t)
			dumpJournal(t, dumped, j.ctl("--output=export", "--all"))
			expect(t, "PUTs of a dump", putsOf(t, dumped), test.puts)
		})
	}
}

// TestRejectionsKeepAShortMessage: people read the message, and untrusted machines write it.
func TestRejectionsKeepAShortMessage(t *testing.T) {
	t.Parallel()
	j, s := newJournalFiles(t), mustOpen(t)
	j.write("one", logged{at: now - store.Minute, unit: unit, priority: 4, message: "host=a " + strings.Repeat("\xff€", 10_000)})
	j.follow(s)
	if got := rows(t, s, "SELECT message FROM rejection_log")[0]; len(got) > 256 || !strings.HasPrefix(got, `host=a \xff€\xff€`) {
		t.Errorf("kept %d bytes: %.40q", len(got), got)
	}
}

// droppedNotice returns the message of journald 252 about dropped entries.
// TestALiveJournaldReportsDroppedEntries shows that a live journald writes one.
func droppedNotice(at int64, of string) logged {
	return logged{at: at, monotonic: at - now + 4*store.Hour, pid: 19638, priority: 6,
		message: "Suppressed 23 messages from " + of,
		fields: []string{"SYSLOG_FACILITY=3", "SYSLOG_IDENTIFIER=systemd-journald", "_TRANSPORT=driver", "_UID=0", "_GID=0",
			"MESSAGE_ID=a596d6fe7bfa4994828e72309e95d61e", "N_DROPPED=23", "OBJECT_PID=77", "OBJECT_UID=0", "OBJECT_SYSTEMD_UNIT=" + of}}
}

func TestRateLimitedEntriesAreAGap(t *testing.T) {
	t.Parallel()
	j, s := newJournalFiles(t), mustOpen(t)
	j.write("one", put(now-5*store.Minute, 0, "a", 200), droppedNotice(now-4*store.Minute, unit),
		put(now-3*store.Minute, 0, "a", 200), droppedNotice(now-2*store.Minute, "other.service"))
	j.follow(s)
	want := "rate-limited 2026-05-01T11:55:00.000000Z 2026-05-01T11:56:00.000000Z journald dropped 23 entries of the unit; raise RateLimitBurst= for it"
	gaps := func(s *store.Store) string {
		return strings.Join(rows(t, s, "SELECT reason || ' ' || from_at || ' ' || to_at || ' ' || detail FROM gap_log"), ", ")
	}
	expect(t, "gaps", gaps(s), want)
	j.follow(s)
	expect(t, "gaps after another pass", gaps(s), want)
	dumped := mustOpen(t)
	dumpJournal(t, dumped, j.ctl("--output=export", "--all"))
	expect(t, "gaps of a dump", gaps(dumped), want)
}

// liveJournald starts a real journald with a configuration, which writes to its own
// directory. stream opens a stream as systemd does for a service, for lines of the unit.
// journald sometimes does not learn the unit of a stream. Then liveJournald starts another.
func liveJournald(t *testing.T, config string) (j *journalFiles, stream func() net.Conn) {
	t.Helper()
	needJournal(t)
	_, err := exec.LookPath("unshare")
	_, journaldErr := os.Stat("/lib/systemd/systemd-journald")
	need(t, err == nil && journaldErr == nil && os.Geteuid() == 0, "root, unshare and systemd-journald")
	for range 5 {
		j, stream = startJournald(t, config)
		fmt.Fprintln(stream(), "probe")
		for begun := time.Now(); time.Since(begun) < time.Minute && !strings.Contains(string(j.ctl("--output=cat")), "probe"); {
		}
		if strings.Contains(string(j.ctl("--output=cat", "--unit="+unit)), "probe") {
			return j, stream
		}
	}
	t.Fatal("journald takes the unit from no stream")
	return nil, nil
}

func startJournald(t *testing.T, config string) (j *journalFiles, stream func() net.Conn) {
	t.Helper()
	dir := t.TempDir()
	ready, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "notify"), Net: "unixgram"})
	mustDo(t, err)
	defer ready.Close()
	_, devLogErr := os.Lstat("/dev/log")
	cmd := exec.Command("unshare", "--mount", "sh", "-c", `
		mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journald.conf.d &&
		printf '[Journal]\nStorage=volatile\nReadKMsg=no\n`+config+`' >/run/systemd/journald.conf.d/test.conf &&
		exec /lib/systemd/systemd-journald`)
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+ready.LocalAddr().String())
	mustDo(t, cmd.Start())
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if target, err := os.Readlink("/dev/log"); err == nil && errors.Is(devLogErr, os.ErrNotExist) && target == "/run/systemd/journal/dev-log" {
			os.Remove("/dev/log")
		}
	})
	ready.SetReadDeadline(time.Now().Add(20 * time.Second))
	for message := make([]byte, 4096); ; {
		n, err := ready.Read(message)
		if err != nil {
			t.Fatal("journald did not start: ", err)
		}
		if strings.Contains(string(message[:n]), "READY=1") {
			break
		}
	}
	run := fmt.Sprintf("/proc/%d/root/run", cmd.Process.Pid)
	return &journalFiles{t: t, dir: run + "/log/journal"}, func() net.Conn {
		conn, err := net.Dial("unix", run+"/systemd/journal/stdout")
		mustDo(t, err)
		t.Cleanup(func() { conn.Close() })
		// journald accepts the unit's name on a stream of root's outside any unit's
		// control group.
		fmt.Fprintf(conn, "receiver\n%s\n6\n0\n0\n0\n0\n", unit)
		return conn
	}
}

// until reads the journal until a condition holds. journald sometimes needs more than 9
// seconds to read its stream.
func (j *journalFiles) until(s *store.Store, holds func() bool) {
	opts := j.options()
	opts.Now = time.Now().UnixMicro()
	for begun := time.Now(); time.Since(begun) < time.Minute; {
		followWith(j.t, s, opts)
		if holds() {
			return
		}
	}
}

// TestALiveJournaldReportsDroppedEntries floods a real journald, because no other program can
// write its notice.
func TestALiveJournaldReportsDroppedEntries(t *testing.T) {
	t.Parallel()
	j, open := liveJournald(t, `RateLimitBurst=5\nRateLimitIntervalSec=50ms\n`)
	stream, s := open(), mustOpen(t)
	for range 2000 {
		fmt.Fprintln(stream, `1.2.3.4:5 - "PUT /v1/episodes/a/e HTTP/1.1" 200`)
	}
	j.until(s, func() bool {
		fmt.Fprintln(stream, "hello") // the notice comes with the first line of the next interval
		return strings.Contains(gapsOf(t, s), store.GapRateLimited)
	})
	gaps := rows(t, s, "SELECT detail FROM gap_log WHERE reason = 'rate-limited'")
	if len(gaps) == 0 || strings.Contains(gaps[0], "dropped 0 ") {
		t.Errorf("got gaps %q, want one that says how many entries were dropped", gaps)
	}
	if n := len(rows(t, s, "SELECT host FROM put_log")); n == 0 || n >= 2000 {
		t.Errorf("stored %d PUTs, want some of the 2000", n)
	}
}

// TestLongLinesOfALiveJournald: once, a request longer than 48 KiB, and a traceback
// beside access lines, hid later PUTs and rejections.
func TestLongLinesOfALiveJournald(t *testing.T) {
	t.Parallel()
	j, open := liveJournald(t, `RateLimitBurst=0\n`)
	stdout, stderr, s := open(), open(), mustOpen(t)
	const line = `INFO:     10.0.0.1:5 - "%s HTTP/1.1" %s` + "\n"
	const rounds = 32
	for i := range rounds {
		// journald cuts after the line, within the version, or between the two.
		long := fmt.Sprintf(line, "GET /"+strings.Repeat("a", 48<<10-len(`INFO:     10.0.0.1:5 - "GET / HTTP/1.1"`)+i-15), "404 Not Found")
		fmt.Fprint(stdout, long)
		fmt.Fprint(stderr, "WARNING host=b missing X-Cis490-Code-Commit\nERROR: x\nTraceback (most recent call last):\n",
			strings.Repeat("  File \"x.py\", line 1, in f\n    f()\n", 200), "RuntimeError: disk full\n")
		fmt.Fprintf(stdout, line, "PUT /v1/episodes/a/e", "412 Precondition Failed")
	}
	fmt.Fprintf(stdout, line, "PUT /v1/episodes/last/e", "200 OK")
	fmt.Fprintln(stderr, "WARNING host=last x")
	j.until(s, func() bool {
		return len(rows(t, s, "SELECT host FROM put_log WHERE host = 'last'")) > 0 && len(rows(t, s, "SELECT host FROM rejection_log WHERE host = 'last'")) > 0
	})
	puts := rows(t, s, "SELECT COUNT(*) FROM put_log WHERE host = 'a'")[0]
	rejections := rows(t, s, "SELECT COUNT(*) FROM rejection_log WHERE host = 'b'")[0]
	if want := fmt.Sprint(rounds); puts != want || rejections != want {
		t.Errorf("stored %s PUTs and %s rejections, want %s of each", puts, rejections, want)
	}
}
