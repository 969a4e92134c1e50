package ingest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"strconv"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"
	"github.com/cis490/fleet-health/store/visible"
)

// FuzzIndexRow compares parseIndexRow with encoding/json and package time.
func FuzzIndexRow(f *testing.F) {
	for _, seed := range []string{
		`{"host_id":"a","received_at_wall":"2026-05-01T06:37:53.830599+00:00","code_commit":"c"}`,
		`{"host_id":"a","received_at_wall":"2026-05-01T06:37:53.830599+00:00","code_commit":"\u001b[2J"}`,
		`{"host_id":"\u00e9\ud83d\ude00","received_at_wall":"2026-05-01 06:37:53Z","x":[1,{"host_id":"b"},-1e+5,null,true]}`,
		`{"host\u005fid":"a","host_id":null,"received_at_wall":"2026-02-29T00:00:00-12:30"}`,
		`{"host_id":"a","received_at_wall":"20260501T063753.5+0000"}`, `{"host_id":"a","received_at_wall":"2026-W18-5T06,25 +00:00:30"}`,
		`{"a":NaN,"b":-Infinity}`, `[]`, `"x"`, `{`, `{"a":01}`, " \t{}\r", `{"":""}{}`, `{"a":"\ud800"}`, "{\"a\":\"\x00\"}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		row, reason := parseIndexRow(line)
		if !utf8.Valid(line) {
			if reason != reasonNotUTF8 {
				t.Fatalf("invalid UTF-8 gave %q", reason)
			}
			return
		}
		if !json.Valid(line) {
			if reason != reasonNotJSON && !bytes.Contains(line, []byte("NaN")) && !bytes.Contains(line, []byte("Infinity")) {
				t.Fatalf("no JSON gave %q", reason)
			}
			return
		}
		var members map[string]json.RawMessage
		if json.Unmarshal(line, &members) != nil || members == nil {
			if reason != reasonNotObject {
				t.Fatalf("JSON that is no object gave %q", reason)
			}
			return
		}
		text := func(name string) (s string, there, isString bool) {
			raw, there := members[name]
			return s, there && string(raw) != "null", json.Unmarshal(raw, &s) == nil && len(raw) > 0 && raw[0] == '"'
		}
		stringOf := func(name string) (s string) {
			json.Unmarshal(members[name], &s)
			return s
		}
		_, hostThere, hostString := text("host_id")
		_, atThere, atString := text("received_at_wall")
		host, at := stringOf("host_id"), stringOf("received_at_wall")
		want := ""
		switch {
		case !hostThere || hostString && host == "":
			want = reasonNoHost
		case !hostString:
			want = reasonBadHost
		case !atThere || atString && at == "":
			want = reasonNoTime
		case !atString:
			want = reasonBadTime
		}
		if want != "" {
			if reason != want {
				t.Fatalf("got %q, want %q", reason, want)
			}
			return
		}
		when, err := time.Parse("2006-01-02T15:04:05.999999999Z07:00", at)
		if reason != "" {
			if reason != reasonBadTime || err == nil && when.UnixMicro() > 0 && when.Year() < 10000 && standard(at) {
				t.Fatalf("got %q for %q", reason, at)
			}
			return
		}
		if err == nil && row.receivedAt != when.UnixMicro() {
			t.Fatalf("%q is %d, not %d", at, when.UnixMicro(), row.receivedAt)
		}
		if string(row.host) != host || string(row.commit) != stringOf("code_commit") {
			t.Fatalf("got %q and %q, want %q and %q", row.host, row.commit, host, stringOf("code_commit"))
		}
	})
}

// standard reports whether Python's fromisoformat accepts a time that package time
// accepts. package time also accepts an hour of one digit and offsets over a day.
func standard(at string) bool {
	return regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d([.,]\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`).MatchString(at)
}

// FuzzAccessLine compares accessLine with a regular expression for the one form that a
// client cannot forge: uvicorn's, with a target without spaces.
func FuzzAccessLine(f *testing.F) {
	for _, seed := range []string{
		`INFO:     10.0.0.1:5 - "PUT /v1/episodes/lab-1/ep.tar.zst HTTP/1.1" 200 OK`,
		`"PUT /v1/episodes/a%20b/x?y=z HTTP/2" 412`, `"PUT /v1/episodes//x HTTP/1.0" 412`,
		`INFO:     10.0.0.1:5 - "PUT /cis490/v1/episodes/a/b?q=" HTTP/1.1" 000`,
		`10.0.0.1 - u [01/May/2026:12:00:00 +0000] "PUT /v1/episodes/a/b HTTP/1.1" 201 0 "-" "x HTTP/1.1\" 200"`,
		`[2026-11-28 10:39:53 +0000] [1] [INFO] ::1:5 - - [01/May/2026:12:00:00 +0000] "PUT /v1/episodes/a/b" 1.1" 404 - "-" "-"`,
	} {
		f.Add([]byte(seed))
	}
	pattern := regexp.MustCompile(`^INFO:     [0-9.]+:[0-9]+ - "PUT /v1/episodes/([^/? ]+)/[^ ]+ HTTP/[0-9.]+" ([1-5][0-9][0-9])( [A-Za-z' -]*)?$`)
	f.Fuzz(func(t *testing.T, text []byte) {
		a, ok := accessLine(text)
		found, put := a.put()
		if match := pattern.FindSubmatch(text); match != nil {
			status, _ := strconv.Atoi(string(match[2]))
			if want := unescapeHost(match[1]); !ok || !put || found.host != want || int(found.status) != status {
				t.Fatalf("got %+v, %v, want host %q, status %d", found, put, want, status)
			}
		}
		if put && (!bytes.Contains(text, []byte(`"PUT /`)) || found.status < 100 || found.status > 599) {
			t.Fatalf("no PUT gave %+v", found)
		}
		if len(text) > 0 {
			if f, both, _ := parseLine(text, true); ok && both && f.status == 0 {
				t.Fatalf("an access line is a rejection, too: %+v", f)
			}
		}
	})
}

// FuzzMessage compares saysMissing with a search in the lower-case line. It also checks
// the bound of a rejection's message.
func FuzzMessage(f *testing.F) {
	for _, seed := range []string{
		"WARNING host=a, missing X-Cis490-Code-Commit", "MISSING x-cIS490-CODE-COMMIT host= host=b",
		"--missing x-missing x-cis490-code-commit host=\x1b[31mred\x1b[0m", "host=\u00a0", "\x1b[1;3",
	} {
		f.Add([]byte(seed), true)
	}
	f.Fuzz(func(t *testing.T, text []byte, warning bool) {
		if got, want := saysMissing(text), bytes.Contains(asciiLower(text), missingMark); got != want {
			t.Fatalf("missing header found is %v, want %v", got, want)
		}
		var r messageReader
		r.message(origin{}, text, warning, func(found outcome) {
			if found.status == 0 && text[0] != '{' && !bytes.Contains(stripColour(text), []byte("host=")) {
				t.Fatalf("host %q from a line that names none", found.host)
			}
			if b := bounded(found.message); len(b) > maxMessage || !visible.All(b) {
				t.Fatalf("message %q", b)
			}
		})
	})
}

func asciiLower(text []byte) []byte {
	return bytes.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, text)
}

// FuzzExportStream reads a stream whole, byte by byte, and again after each entry. All
// three must give the same entries.
func FuzzExportStream(f *testing.F) {
	for _, seed := range []string{
		"__CURSOR=s=1\n__REALTIME_TIMESTAMP=1\nMESSAGE=x\n\n__REALTIME_TIMESTAMP=2\nMESSAGE\n\x03\x00\x00\x00\x00\x00\x00\x00a\nb\n\n",
		"\n\n__REALTIME_TIMESTAMP=9\nPRIORITY=4\nMESSAGE=a\nMESSAGE=b\n\n", "MESSAGE\n\xff\xff\xff\xff\xff\xff\xff\xff", "=\n", "a=b\n\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		entries, ends, err := readEntries(bytes.NewReader(stream), 0)
		slow, _, slowErr := readEntries(iotest.OneByteReader(bytes.NewReader(stream)), 0)
		if fmt.Sprint(entries, err) != fmt.Sprint(slow, slowErr) {
			t.Fatalf("byte by byte: %q, %v; whole: %q, %v", slow, slowErr, entries, err)
		}
		for i, end := range ends {
			if end > int64(len(stream)) || i > 0 && end <= ends[i-1] {
				t.Fatalf("entry %d ends at byte %d of %d, after %v", i, end, len(stream), ends)
			}
			rest, _, restErr := readEntries(bytes.NewReader(stream[end:]), end)
			if fmt.Sprint(rest, restErr) != fmt.Sprint(entries[i+1:], err) {
				t.Fatalf("after entry %d: %q, %v; want %q, %v", i, rest, restErr, entries[i+1:], err)
			}
		}
	})
}

// readEntries returns the entries as text, and the offset after each entry.
func readEntries(r io.Reader, offset int64) (entries []string, ends []int64, err error) {
	stream := newExportReader(r, offset)
	for {
		e, err := stream.next()
		if errors.Is(err, io.EOF) {
			return entries, ends, nil
		}
		if err != nil {
			return entries, ends, err
		}
		entries = append(entries, fmt.Sprintf("%q %d %q %q %q", e.cursor, e.at, e.message, e.priority, e.unit))
		ends = append(ends, stream.offset)
	}
}

// FuzzLines compares lineReader with Python's universal newlines: on whole input, byte by
// byte, and after each line. A NUL becomes 20,000 bytes, so that lines can be too long.
func FuzzLines(f *testing.F) {
	for _, seed := range []string{"", "a", "a\n", "\n\nb\nc", "\x00\x00\x00\x00\na\n", "a\n\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\nb", "\x00\x00\x00\x00",
		"a\rb\rc", "a\r\nb\r\n", "a\r\r\nb\n\rc\r", "\x00\x00\x00\x00\r\na\r", "a\r\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\rb", "\r\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, short []byte) {
		// The fuzzer kills a process that needs 10 s for one input, even on a busy machine.
		if len(short) > 200 || bytes.Count(short, []byte{0}) > 20 {
			return
		}
		content := bytes.ReplaceAll(short, []byte{0}, bytes.Repeat([]byte("x"), 20_000))
		want, torn := splitLines(content)
		for _, r := range []io.Reader{bytes.NewReader(content), iotest.HalfReader(bytes.NewReader(content)), iotest.DataErrReader(bytes.NewReader(content)), iotest.OneByteReader(bytes.NewReader(content))} {
			checkLines(t, newLineReader(r, 0, nil), content, want, torn)
		}
		for i, line := range want {
			at := int64(line.to + 1) // between CR and LF, too
			tail := content[max(0, at-tailBytes):at]
			checkLines(t, newLineReader(bytes.NewReader(content[at:]), at, tail), content, want[i+1:], torn)
		}
	})
}

// span is a line of a text, without its end.
type span struct{ from, to int }

// splitLines splits a text at LF, CR and CR LF. torn reports whether the last line has no
// end.
func splitLines(content []byte) (lines []span, torn bool) {
	from := 0
	for _, end := range regexp.MustCompile("\r\n|\r|\n").FindAllIndex(content, -1) {
		lines = append(lines, span{from, end[0]})
		from = end[1]
	}
	return lines, from < len(content)
}

// checkLines compares the lines read, and the bytes before each, with want.
func checkLines(t *testing.T, lines *lineReader, content []byte, want []span, torn bool) {
	t.Helper()
	for i, at := range want {
		got, err := lines.next()
		whole := content[at.from:at.to]
		if err != nil || got.offset != int64(at.from) || got.length != int64(len(whole)) || got.long != (len(whole) > maxLine) || !bytes.HasPrefix(whole, got.head) {
			t.Fatalf("line %d is %.40q of %d bytes at %d, too long %v, %v; want %.40q at %d", i, got.head, got.length, got.offset, got.long, err, whole, at.from)
		}
		if got.long && got.hash != xxhash.Sum64(whole) || !got.long && len(got.head) != len(whole) {
			t.Fatalf("line %d: %d of %d bytes, hash %x", i, len(got.head), len(whole), got.hash)
		}
		if before := content[max(0, lines.offset-tailBytes):lines.offset]; lines.offset != int64(at.to+1) || !bytes.Equal(before, lines.tail()) {
			t.Fatalf("before byte %[2]d, after line %[1]d, are %.40[3]q, want %.40[4]q", i, lines.offset, lines.tail(), before)
		}
	}
	if got, err := lines.next(); !errors.Is(err, io.EOF) || lines.torn() != torn {
		t.Fatalf("then comes %.40q, %v, torn %v", got.head, err, lines.torn())
	}
	if !torn && lines.offset != int64(len(content)) {
		t.Fatalf("it ends at %d of %d", lines.offset, len(content))
	}
}

// FuzzCursorState parses arbitrary text as a file's cursor. An accepted cursor survives
// writing and parsing. It matches only a file that contains as many bytes as were read,
// and the last of them.
func FuzzCursorState(f *testing.F) {
	content := bytes.Repeat([]byte("0123456789abcde\n"), 100)
	file := &indexFile{head: content[:headBytes], info: info(f)}
	for _, offset := range []int64{0, 16, 512, 1024, 1600, 1616} {
		cursor := indexCursor{fileCursor: file.cursorAt(offset, content[:min(offset, 1600)])}
		f.Add(cursor.String())
		f.Add(cursor.with(cursor.fileCursor).String())
		cursor.TailLen, cursor.HeadLen, cursor.TailHash, cursor.HeadHash = 0, 0, hexHash(nil), hexHash(nil)
		f.Add(cursor.String())
	}
	f.Add(`{"v":1,"cursor":"s=1","at":5,"boot":"b","boots":{"b":1},"fresh":["b"]}`)
	f.Fuzz(func(t *testing.T, state string) {
		cursor, ok := parseIndexCursor(state)
		if ok && cursor.matches(bytes.NewReader(content)) {
			if n := cursor.Offset; n > int64(len(content)) || cursor.TailHash != hexHash(content[max(0, n-tailBytes):n]) {
				t.Fatalf("%s matches %d bytes", state, len(content))
			}
		}
		if again, same := parseIndexCursor(cursor.String()); ok && (!same || again.String() != cursor.String()) {
			t.Fatalf("%s is written %s", state, cursor)
		}
		c, ok := parseJournalCursor(state)
		if ok && c.Version != cursorVersion {
			t.Fatalf("%s is version %d", state, c.Version)
		}
	})
}

func info(f *testing.F) os.FileInfo {
	info, err := os.Stat(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	return info
}

// FuzzJournalctlStderr writes the messages of journalctl in two pieces. The left-out files
// must not depend on the cut, and must not outnumber the lines.
func FuzzJournalctlStderr(f *testing.F) {
	for _, said := range []string{
		"<31>Failed to open journal file j/system@b.journal: No data available\n<28>Journal file j/system@b.journal is truncated, ignoring file.\n",
		"<31>Failed to open directory '/x/cc': Permission denied\n<31>Root directory /x added.\n",
		"<31>Can't iterate through /x/system.journal, ignoring: Bad message\n",
		"Journal file /x uses an unsupported feature, ignoring file.\nUse SYSTEMD_LOG_LEVEL=debug journalctl --file=/x to see the details.\n",
		"An error was encountered while opening journal file or directory /x, ignoring file: Too many open files\n",
		"Too many journal files (limit is at 7168) in scope, ignoring file '/x'.\n",
		"<31>Too many open journal files, not adding /x.\n<>\n<999>\n<",
		"<31>Failed to open journal file m/odd\nname.journal: Bad message\n",
	} {
		f.Add([]byte(said), 7)
	}
	f.Fuzz(func(t *testing.T, said []byte, cut int) {
		cut = min(max(cut, 0), len(said))
		var whole, halves journalctlStderr
		whole.Write(said)
		halves.Write(said[:cut])
		halves.Write(said[cut:])
		if !maps.Equal(whole.leftOut(), halves.leftOut()) || whole.quoted() != halves.quoted() {
			t.Errorf("cut at %d: got %q %s, want %q %s", cut, halves.left, halves.quoted(), whole.left, whole.quoted())
		}
		if lines := bytes.Count(said, []byte("\n")) + 1; len(whole.left) > min(lines, maxLeftOut+1) || len(whole.kept) > 200 {
			t.Errorf("%d files left out in %d lines, %d bytes kept", len(whole.left), lines, len(whole.kept))
		}
	})
}
