package hostile

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/cis490/fleet-health/cmd/internal/cli"
	"github.com/cis490/fleet-health/cmd/internal/fleettest"
	"github.com/cis490/fleet-health/report"
	"github.com/cis490/fleet-health/store"
	"github.com/google/go-cmp/cmp"
)

// hostileNames are names of hosts that do harm if a terminal, a log, a spreadsheet, a table,
// SQL or a shell interprets them.
var hostileNames = []string{
	"\x1b[2J", "\x1b[31mred", "\x1b]0;title\x07", "\x1b]8;;http://x\x1b\\", "a\x00b", "a\nb", "a\r\nb", "a\tb", "a\vb", "a\fb", "a\bb", "a\x7fb",
	"\u0085next", "\u009b31m", "\u0090dcs\u009c", "\u202eevil", "\u2066iso\u2069", "\u200bzero", "\u200dzwj", "\ufeffbom", "\u2028line", "\u2029para",
	"\u00adsoft", "\u061cletter", "\u2060join", "\U000e0001tag", "\U000e0041a", "\ufff9note\ufffb", "\U0001d173music", "\u180emongol",
	"=1+1", "=cmd|' /C calc'!A0", "+1", "-1+2", "@SUM(1)", "＝1", "＋1", "－1", "＠1", "=HYPERLINK(\"http://x\")", "\t=1", "\r=1", "'=1",
	"a|b", "| a | b |", "a`b`", "<script>alert(1)</script>", "&amp;", "**bold**", "[x](http://y)", "a\\|b", "-- a", "__", "<!--",
	"'; DROP TABLE hosts; --", "\" OR 1=1", "%s%n%d", "$(reboot)", "`reboot`", "a;b", "a,b", "\"a\",\"b\"", "{\"host\": \"x\"}", "<0>panic",
	" lead", "trail ", "  ", "(invalid)", "(overflow)", "null", "NaN", "ALERT host=x symptom=y", strings.Repeat("w", 255), strings.Repeat("x", 300),
	"e\u0301combining", strings.Repeat("\u0301", 40), "全角", "🏳️‍🌈", "\ud7ff", "\uffff", "in all",
	"lab\ufe0f", "lab\U000e0101", "lab\u180b", "lab\u034f", "lab\u115f", "lab\u3164", "lab\uffa0", "lab\u17b5", "lab\u2800", "lab\u00a0", "lab\u3000",
	"x" + strings.Repeat("\u0301", 100), "x" + strings.Repeat("\u0489", 5), "\u05e9\u05dc\u05d5\u05dd", "lab-\u0661", "\u200fmark", "\u2067rtl\u2069",
	"a;=1", "a,=1", "a;\"=1\"", "a; +1", "a,@SUM(1)", "a;-1", "a;＝1", "-rf", "--db=x", "--help", "-",
	"x`reboot`", "x\"`reboot`\"", "x\\`reboot`", "`", "(receiver)", "(group)", "\"(overflow)\"", "\"lab\\ufe0f\"", "lab  healthy",
}

// TestHostileNamesDoNoHarm sends each name and message through the log, every command and
// every format, to a terminal and to a file.
func TestHostileNamesDoNoHarm(t *testing.T) {
	t.Parallel()
	if len(hostileNames) < 60 {
		t.Fatalf("only %d names", len(hostileNames))
	}
	dir := t.TempDir()
	names := append(randomNames(100), hostileNames...)
	known := hostileFleet(t, dir, names)
	var log bytes.Buffer
	args := []string{"pass", "--db", dir + "/f.db", "--index-path", dir + "/index.jsonl", "--alerts-path", dir + "/alerts.jsonl",
		"--journal-export", dir + "/journal.export", "--now", fleettest.Now.Format("2006-01-02T15:04:05Z07:00")}
	if code := cli.Run(t.Context(), args, fleettest.Env(fleettest.Now, &log)); code != cli.ExitOK {
		t.Fatalf("exit %d\n%s", code, &log)
	}
	// They are one group. Where no group is so large, each is said by itself, half an hour later.
	alone := slices.Concat(args, []string{"--group-hosts", "1000000", "--silent-threshold-min", "120"})
	alone[2], alone[6] = dir+"/alone.db", dir+"/alone.jsonl"
	alone[10] = fleettest.Now.Add(40 * time.Minute).Format("2006-01-02T15:04:05Z07:00")
	if code := cli.Run(t.Context(), alone, fleettest.Env(fleettest.Now, &log)); code != cli.ExitOK {
		t.Fatalf("exit %d\n%s", code, &log)
	}
	harmless(t, "the log", log.String())
	if n := strings.Count(log.String(), "ALERT host="); n < len(known) {
		t.Errorf("the log has %d alerts, want at least %d", n, len(known))
	}
	for line := range strings.Lines(log.String()) {
		if !strings.HasPrefix(line, fleettest.Now.Format("2006-01-02 15:04:05Z ")) {
			t.Errorf("a line of the log begins in the middle: %q", line)
		}
	}

	binary := fleettest.ProgramIn(t, t.TempDir())
	common := []string{"--db", dir + "/f.db", "--now", fleettest.Now.Format("2006-01-02T15:04:05Z07:00")}
	commands := map[string][]string{
		"report":  {"report"},
		"history": append([]string{"report", "--since", "1h", "--bucket", "1h", "--"}, known...),
		"alerts":  {"alerts"},
		"status":  {"status"},
		"query":   {"query", "SELECT * FROM rejection_log ORDER BY host, message"},
		"open":    {"incidents"},
		"events":  {"incidents", "--events"},
	}
	for name, command := range commands {
		for _, format := range report.Formats {
			args := append(append([]string{command[0]}, append(common, "--format", format)...), command[1:]...)
			t.Run(name+" "+format, func(t *testing.T) {
				t.Parallel()
				var stdout, stderr bytes.Buffer
				e := fleettest.Env(fleettest.Now, &stderr)
				e.Stdout = &stdout
				if code := cli.Run(t.Context(), args, e); code != cli.ExitOK {
					t.Fatalf("exit %d\n%s", code, &stderr)
				}
				harmless(t, "stdout", stdout.String())
				harmless(t, "stderr", stderr.String())
				cmd := exec.Command(binary, args...)
				cmd.Env = []string{"NO_COLOR=1"}
				shown, err := fleettest.OnTerminal(cmd, 100)
				if err != nil {
					t.Fatal(err)
				}
				harmless(t, "the terminal", strings.ReplaceAll(shown, "\r\n", "\n"))
				if name == "report" || name == "alerts" {
					parsesBack(t, format, stdout.String(), known)
				}
			})
		}
	}
	keysFit(t, dir+"/alerts.jsonl", known)
	// sqlite3 3.40 prints every value unescaped.
	fleettest.Need(t, "/usr/bin/sqlite3")
	out, err := exec.Command("/usr/bin/sqlite3", "-readonly", dir+"/f.db",
		"SELECT host, message FROM rejection_log", "SELECT host, code_commit FROM ship_log", "SELECT host, detail, suggested_fix FROM alert_log",
		"SELECT subject, detail, suggested_fix FROM incident_log", "SELECT * FROM incident_alerts",
		"SELECT host FROM host_status", "SELECT host FROM host_hourly", "SELECT host FROM put_log").Output()
	if err != nil {
		t.Fatal(err)
	}
	harmless(t, "sqlite3", string(out))
	// bash ran `reboot` when the operator pressed the tab key.
	for _, command := range [][]string{{"report"}, {"alerts", "--host"}} {
		var stdout bytes.Buffer
		e := fleettest.Env(fleettest.Now, &log)
		e.Stdout = &stdout
		args := append([]string{"__complete", command[0], "--db", dir + "/f.db"}, append(command[1:], "")...)
		if code := cli.Run(t.Context(), args, e); code != cli.ExitOK {
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
	// Errors name unknown hosts without harm, too.
	for _, name := range names {
		if strings.Contains(name, "\x00") || slices.Contains(known, name) {
			continue
		}
		var stderr bytes.Buffer
		if code := cli.Run(t.Context(), append(append([]string{"report"}, common...), "--", name), fleettest.Env(fleettest.Now, &stderr)); code != cli.ExitUsage {
			t.Errorf("report of %q exits with %d", name, code)
		}
		harmless(t, "the error", stderr.String())
	}
}

// isWord matches a word that has no meaning to a shell and is not an option.
var isWord = regexp.MustCompile(`^[\w.][\w.-]*$`)

// randomNames returns n random names, the same ones in each run.
func randomNames(n int) (names []string) {
	r := rand.New(rand.NewPCG(14, 0))
	odd := []string{"lab-05", "`", `"`, " ", ";", ",", "=", "|", "\u0301", "\ufe0f", "\u202e", "\u2800", "\u3164", "\u05d0", "e", "é"}
	for range n {
		var b strings.Builder
		for range 1 + r.IntN(10) {
			if r.IntN(2) == 0 {
				b.WriteString(odd[r.IntN(len(odd))])
			} else if c := rune(r.IntN(unicode.MaxRune)); utf8.ValidRune(c) {
				b.WriteRune(c)
			}
		}
		names = append(names, b.String()+fmt.Sprint(len(names)))
	}
	return names
}

// hostileFleet writes an index and a journal in which every name ships, has rejected PUTs,
// and is in a warning. It returns the names that are valid for hosts.
func hostileFleet(t *testing.T, dir string, names []string) (known []string) {
	t.Helper()
	var index, journal bytes.Buffer
	for i, name := range names {
		quoted, err := json.Marshal(name)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&index, `{"host_id": %s, "received_at_wall": "2026-05-01T11:0%d:00+00:00", "code_commit": %s}`+"\n", quoted, i%10, quoted)
		for n := range 12 {
			entry := func(message string) {
				fmt.Fprintf(&journal, "__CURSOR=s=1;i=%x\n__REALTIME_TIMESTAMP=%d\n_SYSTEMD_UNIT=cis490-receiver.service\nPRIORITY=4\nMESSAGE\n", journal.Len(),
					fleettest.Now.UnixMicro()-int64(60_000_000+i*1000+n))
				size := len(message)
				journal.Write([]byte{byte(size), byte(size >> 8), 0, 0, 0, 0, 0, 0})
				journal.WriteString(message + "\n\n")
			}
			entry(fmt.Sprintf(`"PUT /v1/episodes/%s/e-%d HTTP/1.1" 412`, url.PathEscape(name), n))
			entry(fmt.Sprintf("host=lab-%d missing X-Cis490-Code-Commit %s \xff\xfe", i, name))
		}
		valid := len(name) <= 255 && !strings.ContainsFunc(name, func(r rune) bool { return r == '/' || unicode.IsControl(r) })
		if valid {
			known = append(known, name)
		}
	}
	for file, content := range map[string][]byte{"index.jsonl": index.Bytes(), "journal.export": journal.Bytes()} {
		if err := os.WriteFile(filepath.Join(dir, file), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return known
}

// notShown has the characters that are invisible, or that move others.
var notShown = append([]*unicode.RangeTable{unicode.C, unicode.Zl, unicode.Zp, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point,
	unicode.Hebrew, unicode.Arabic, unicode.Nko, unicode.Syriac}, &unicode.RangeTable{R16: []unicode.Range16{{Lo: 0xa0, Hi: 0xa0, Stride: 1}, {Lo: 0x2800, Hi: 0x2800, Stride: 1}}})

// stacked matches marks that cover the lines above.
var stacked = regexp.MustCompile(`^\pM|\pM{3}`)

// harmless fails if a text has invisible characters, control sequences of a terminal, or
// bytes that are not UTF-8.
func harmless(t *testing.T, what, text string) {
	t.Helper()
	if strings.ToValidUTF8(text, "") != text {
		t.Errorf("%s is not UTF-8", what)
	}
	for line := range strings.Lines(text) {
		for _, r := range strings.TrimSuffix(line, "\n") {
			if unicode.In(r, notShown...) {
				t.Errorf("%s has %U in %q", what, r, line)
				break
			}
		}
		if stacked.MatchString(line) {
			t.Errorf("%s has a stack of marks in %q", what, line)
		}
	}
}

// parsesBack reads a listing of hosts as a program would, and compares the names.
func parsesBack(t *testing.T, format, text string, known []string) {
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
			for _, cell := range append(row, strings.FieldsFunc(strings.Join(row, ";"), func(r rune) bool { return r == ',' || r == ';' })...) {
				if strings.ContainsAny(firstOf(strings.TrimLeft(cell, `" `)), "=+-@\t\r＝＋－＠") {
					t.Errorf("a spreadsheet would run %q", cell)
				}
			}
		}
		return
	default:
		return
	}
	var missing []string
	for _, name := range known {
		name = store.StoredName(name)
		if !slices.Contains(names, name) && !slices.Contains(names, store.AlertsName(name)) {
			missing = append(missing, name)
		}
	}
	if diff := cmp.Diff([]string(nil), missing); diff != "" {
		t.Errorf("names that did not come through (-none +missing):\n%s", diff)
	}
}

// firstOf returns the first character of a text.
func firstOf(text string) string {
	_, size := utf8.DecodeRuneInString(text)
	return text[:size]
}

// keysFit compares alerts.jsonl with the predecessor's names and keys. Each host has its raw
// name there, except names that would look like the program's own.
func keysFit(t *testing.T, path string, known []string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for line := range strings.Lines(string(text)) {
		var a map[string]string
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatal(err)
		}
		names = append(names, a["host"])
		sum := sha256.Sum256([]byte(a["host"] + "|" + a["symptom"] + "|2026-05-01T12"))
		if want := fmt.Sprintf("%x", sum[:8]); a["dedup_key"] != want {
			t.Errorf("the key of %q is %s, want %s", a["host"], a["dedup_key"], want)
		}
	}
	for _, name := range known {
		if quoted := strconv.Quote(name); !slices.Contains(names, name) && !(strings.Contains(name, "(") && slices.Contains(names, quoted)) {
			t.Errorf("alerts.jsonl has no %+q", name)
		}
	}
}
