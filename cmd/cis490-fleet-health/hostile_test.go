package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/cis490/fleet-health/report"
	"github.com/cis490/fleet-health/store"
	"github.com/google/go-cmp/cmp"
)

// hostileNames are names of hosts that would do harm where they were taken for
// more than names: by a terminal, a log, a spreadsheet, a table, SQL or a shell.
var hostileNames = []string{
	"\x1b[2J", "\x1b[31mred", "\x1b]0;title\x07", "\x1b]8;;http://x\x1b\\", "a\x00b", "a\nb", "a\r\nb", "a\tb", "a\vb", "a\fb", "a\bb", "a\x7fb",
	"\u0085next", "\u009b31m", "\u0090dcs\u009c", "\u202eevil", "\u2066iso\u2069", "\u200bzero", "\u200dzwj", "\ufeffbom", "\u2028line", "\u2029para",
	"\u00adsoft", "\u061cletter", "\u2060join", "\U000e0001tag", "\U000e0041a", "\ufff9note\ufffb", "\U0001d173music", "\u180emongol",
	"=1+1", "=cmd|' /C calc'!A0", "+1", "-1+2", "@SUM(1)", "＝1", "＋1", "－1", "＠1", "=HYPERLINK(\"http://x\")", "\t=1", "\r=1", "'=1",
	"a|b", "| a | b |", "a`b`", "<script>alert(1)</script>", "&amp;", "**bold**", "[x](http://y)", "a\\|b", "-- a", "__", "<!--",
	"'; DROP TABLE hosts; --", "\" OR 1=1", "%s%n%d", "$(reboot)", "`reboot`", "a;b", "a,b", "\"a\",\"b\"", "{\"host\": \"x\"}", "<0>panic",
	" lead", "trail ", "  ", "(invalid)", "(overflow)", "null", "NaN", "ALERT host=x symptom=y", strings.Repeat("w", 255), strings.Repeat("x", 300),
	"e\u0301combining", strings.Repeat("\u0301", 40), "全角", "🏳️‍🌈", "\ud7ff", "\uffff", "in all",
}

// TestHostileNamesDoNoHarm brings each name and message through the log, every
// command and every format, to a terminal and to a file.
func TestHostileNamesDoNoHarm(t *testing.T) {
	t.Parallel()
	if len(hostileNames) < 60 {
		t.Fatalf("only %d names", len(hostileNames))
	}
	dir := t.TempDir()
	stored := hostileFleet(t, dir)
	var log bytes.Buffer
	args := []string{"pass", "--db", dir + "/f.db", "--index-path", dir + "/index.jsonl", "--alerts-path", dir + "/alerts.jsonl",
		"--journal-export", dir + "/journal.export", "--now", demoNow.Format("2006-01-02T15:04:05Z07:00")}
	if code := run(t.Context(), args, testEnv(demoNow, &log)); code != exitOK {
		t.Fatalf("exit %d\n%s", code, &log)
	}
	harmless(t, "the log", log.String())
	if n := strings.Count(log.String(), "ALERT host="); n < len(stored) {
		t.Errorf("the log has %d alerts, want at least %d", n, len(stored))
	}
	for line := range strings.Lines(log.String()) {
		if !strings.HasPrefix(line, demoNow.Format("2006-01-02 15:04:05Z ")) {
			t.Errorf("a line of the log begins in the middle: %q", line)
		}
	}

	binary := programIn(t, t.TempDir())
	common := []string{"--db", dir + "/f.db", "--now", demoNow.Format("2006-01-02T15:04:05Z07:00")}
	commands := map[string][]string{
		"report":  {"report"},
		"history": append([]string{"report", "--since", "1h", "--bucket", "1h", "--"}, stored...),
		"alerts":  {"alerts"},
		"status":  {"status"},
		"query":   {"query", "SELECT * FROM rejection_log ORDER BY host, message"},
	}
	for name, command := range commands {
		for _, format := range report.Formats {
			args := append(append([]string{command[0]}, append(common, "--format", format)...), command[1:]...)
			t.Run(name+" "+format, func(t *testing.T) {
				t.Parallel()
				var stdout, stderr bytes.Buffer
				e := testEnv(demoNow, &stderr)
				e.stdout = &stdout
				if code := run(t.Context(), args, e); code != exitOK {
					t.Fatalf("exit %d\n%s", code, &stderr)
				}
				harmless(t, "stdout", stdout.String())
				harmless(t, "stderr", stderr.String())
				cmd := exec.Command(binary, args...)
				cmd.Env = []string{"NO_COLOR=1"}
				shown, err := onTerminal(cmd, 100)
				if err != nil {
					t.Fatal(err)
				}
				harmless(t, "the terminal", strings.ReplaceAll(shown, "\r\n", "\n"))
				if name == "report" || name == "alerts" {
					parsesBack(t, format, stdout.String(), stored)
				}
			})
		}
	}
	// sqlite3 3.40 prints all as it is.
	need(t, "/usr/bin/sqlite3")
	out, err := exec.Command("/usr/bin/sqlite3", "-readonly", dir+"/f.db",
		"SELECT host, message FROM rejection_log", "SELECT host, code_commit FROM ship_log", "SELECT host, detail FROM alert_log").Output()
	if err != nil {
		t.Fatal(err)
	}
	if i := bytes.IndexFunc(out, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }); i >= 0 {
		t.Errorf("sqlite3 prints %q", out[max(0, i-80):i+1])
	}
	// bash ran `reboot`, when the operator pressed the tabulator.
	for _, command := range [][]string{{"report"}, {"alerts", "--host"}} {
		var stdout bytes.Buffer
		e := testEnv(demoNow, &log)
		e.stdout = &stdout
		args := append([]string{"__complete", command[0], "--db", dir + "/f.db"}, append(command[1:], "")...)
		if code := run(t.Context(), args, e); code != exitOK {
			t.Fatalf("exit %d\n%s", code, &log)
		}
		offered := strings.Fields(stdout.String())
		if !slices.Contains(offered, "NaN") {
			t.Errorf("%s is not offered a host: %q", command, offered)
		}
		for line := range strings.Lines(stdout.String()) {
			if line = strings.TrimSuffix(line, "\n"); !strings.HasPrefix(line, ":") && !isWord.MatchString(line) {
				t.Errorf("%s is offered %q", command, line)
			}
		}
	}
	// What is not known is named as harmlessly.
	for _, name := range hostileNames {
		if strings.Contains(name, "\x00") || slices.Contains(stored, name) || name == store.OverflowHost {
			continue
		}
		var stderr bytes.Buffer
		if code := run(t.Context(), append(append([]string{"report"}, common...), "--", name), testEnv(demoNow, &stderr)); code != exitUsage {
			t.Errorf("report of %q exits with %d", name, code)
		}
		harmless(t, "the error", stderr.String())
	}
}

// isWord is what means nothing to any shell.
var isWord = regexp.MustCompile(`^[\w.-]+$`)

// hostileFleet writes an index and a journal in which every name ships, is
// rejected and is complained about, and returns the names that are kept as they are.
func hostileFleet(t *testing.T, dir string) (stored []string) {
	t.Helper()
	var index, journal bytes.Buffer
	for i, name := range hostileNames {
		quoted, err := json.Marshal(name)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&index, `{"host_id": %s, "received_at_wall": "2026-05-01T11:0%d:00+00:00", "code_commit": %s}`+"\n", quoted, i%10, quoted)
		for n := range 12 {
			entry := func(message string) {
				fmt.Fprintf(&journal, "__CURSOR=s=1;i=%x\n__REALTIME_TIMESTAMP=%d\n_SYSTEMD_UNIT=cis490-receiver.service\nPRIORITY=4\nMESSAGE\n", journal.Len(),
					demoNow.UnixMicro()-int64(60_000_000+i*1000+n))
				size := len(message)
				journal.Write([]byte{byte(size), byte(size >> 8), 0, 0, 0, 0, 0, 0})
				journal.WriteString(message + "\n\n")
			}
			entry(fmt.Sprintf(`"PUT /v1/episodes/%s/e-%d HTTP/1.1" 412`, url.PathEscape(name), n))
			entry(fmt.Sprintf("host=lab-%d missing X-Cis490-Code-Commit %s \xff\xfe", i, name))
		}
		valid := len(name) <= 255 && !strings.ContainsFunc(name, func(r rune) bool { return r == '/' || unicode.IsControl(r) })
		if valid && name != store.OverflowHost {
			stored = append(stored, name)
		}
	}
	for file, content := range map[string][]byte{"index.jsonl": index.Bytes(), "journal.export": journal.Bytes()} {
		if err := os.WriteFile(filepath.Join(dir, file), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return stored
}

// harmless fails if a text has what a terminal would act on: control and format
// characters, line separators, and bytes that are no UTF-8.
func harmless(t *testing.T, what, text string) {
	t.Helper()
	if strings.ToValidUTF8(text, "") != text {
		t.Errorf("%s is not UTF-8", what)
	}
	for line := range strings.Lines(text) {
		for _, r := range strings.TrimSuffix(line, "\n") {
			if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
				t.Errorf("%s has %U in %q", what, r, line)
				break
			}
		}
	}
}

// parsesBack reads a listing of hosts as a program would, and compares the names.
func parsesBack(t *testing.T, format, text string, stored []string) {
	t.Helper()
	var names []string
	switch format {
	case report.FormatJSON, report.FormatNDJSON:
		decoder := json.NewDecoder(strings.NewReader(text))
		for decoder.More() {
			var rows []struct{ Host string }
			if format == report.FormatNDJSON {
				rows = make([]struct{ Host string }, 1)
				if err := decoder.Decode(&rows[0]); err != nil {
					t.Fatal(err)
				}
			} else if err := decoder.Decode(&rows); err != nil {
				t.Fatal(err)
			}
			for _, row := range rows {
				names = append(names, row.Host)
			}
		}
	case report.FormatCSV:
		rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			for _, cell := range row {
				if strings.HasPrefix(cell, "＝") || cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r") {
					t.Errorf("a spreadsheet would run %q", cell)
				}
			}
		}
		return
	default:
		return
	}
	var missing []string
	for _, name := range stored {
		if !slices.Contains(names, name) {
			missing = append(missing, name)
		}
	}
	if diff := cmp.Diff([]string(nil), missing); diff != "" {
		t.Errorf("names that did not come through (-none +missing):\n%s", diff)
	}
}
