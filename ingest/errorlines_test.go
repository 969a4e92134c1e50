package ingest

import (
	"strings"
	"testing"

	"github.com/cis490/fleet-health/store/visible"
)

// errorsIn returns the errors in messages as "kind: text". The messages have the form that
// told expects. One that starts with "!" has priority err.
func errorsIn(messages ...string) string {
	var all []string
	r := messageReader{say: func(e errorLine) { all = append(all, e.kind+": "+bounded(normal(e.text))) }}
	for _, m := range messages {
		pid := "77/out"
		if before, after, ok := strings.Cut(m, "§"); ok {
			pid, m = before, after
		}
		from := originOf(pid)
		m, from.failed = strings.CutPrefix(m, "!")
		r.message(from, []byte(m), from.failed, func(outcome) {})
	}
	return strings.Join(all, "\n")
}

// TestErrorLines has lines as loggers print them.
func TestErrorLines(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ line, want string }{
		"uvicorn":                      {"ERROR:    Exception in ASGI application", "error: Exception in ASGI application"},
		"uvicorn in colour":            {"\x1b[31mERROR\x1b[0m:    [Errno 98] error while attempting to bind on address ('0.0.0.0', 8443): address already in use", "error: [Errno 98] error while attempting to bind on address ('0.0.0.0', 8443): address already in use"},
		"uvicorn's first words":        {"INFO:     Application startup complete.", ""},
		"uvicorn's warning":            {"WARNING:  Invalid HTTP request received. ERROR", ""},
		"critical":                     {"CRITICAL:root:no room", "error: root:no room"},
		"basicConfig":                  {"ERROR:receiver.store:disk full", "error: receiver.store:disk full"},
		"times and a logger":           {"2026-05-01 12:00:00,123 ERROR receiver: disk full", "error: receiver: disk full"},
		"times after the level":        {"[ERROR] 2026-05-01T12:00:00Z disk full", "error: disk full"},
		"dashes":                       {"2026-05-01 12:00:00,123 - receiver - ERROR - disk full", "error: disk full"},
		"a logger that nobody knows":   {"2026-05-01 12:00:00,123 storage ERROR disk full", "error: disk full"},
		"loguru":                       {"2026-05-01 12:00:00.123 | ERROR    | receiver.app:put:431 - disk full", "error: receiver.app:put:431 - disk full"},
		"structlog":                    {"2026-05-01T12:00:00Z [error    ] disk full", "error: disk full"},
		"structlog, another level":     {"2026-05-01T12:00:00Z [info     ] ERROR in the last hour: 0", ""},
		"gunicorn":                     {"[2026-11-28 10:39:53 +0000] [2529] [CRITICAL] WORKER TIMEOUT (pid:25291)", "error: WORKER TIMEOUT (pid:#)"},
		"hypercorn":                    {"[2026-11-28 10:39:53 +0000] [2529] [ERROR] Error in ASGI Framework", "error: Error in ASGI Framework"},
		"argparse":                     {"uvicorn: error: unrecognized arguments: --prot 8443", "error: unrecognized arguments: --prot 8443"},
		"long numbers":                 {"ERROR: task 0x7f3a2b4c9d10 of 10.0.0.1:50123 at 1777636800.123 failed with 507", "error: task 0x# of 10.0.0.1:# at #.123 failed with 507"},
		"an episode":                   {"ERROR: cannot store ep-b2221a58008a05a6.tar.zst", "error: cannot store ep-#.tar.zst"},
		"a level and nothing":          {"ERROR:    ", ""},
		"a word of a sentence":         {"Error rates are fine", ""},
		"a level in a message":         {"INFO: client said ERROR: disk full", ""},
		"a level after many words":     {"stored lab-1 ep-1 ERROR: disk full", ""},
		"priority":                     {"!disk full", "error: disk full"},
		"a level comes before it":      {"!INFO:     all is well", ""},
		"a missing commit":             {"!host=a missing X-Cis490-Code-Commit", ""},
		"a rejection that is an error": {"!host=a cannot be stored: disk full", "error: host=a cannot be stored: disk full"},
		"an access line":               {`!INFO:     10.0.0.1:5 - "PUT /v1/episodes/ERROR:/e HTTP/1.1" 500 Internal Server Error`, ""},
		"an access line at ERROR":      {`ERROR:    10.0.0.1:5 - "GET /x HTTP/1.1" 500 Internal Server Error`, ""},
		"an access line of a user":     {`10.0.0.1 - ERROR: x [28/Nov/2026:10:39:57 +0000] "PUT /v1/episodes/a/e HTTP/1.1" 500 0 "-" "-"`, ""},
		"an access line that was cut":  {`77/out!§10.0.0.1 - ERROR: x [28/Nov/2026:10:39:57 +0000] "PUT /v1/episodes/a/eeeeee`, ""},
		"a forwarded address":          {`!ERROR: x:0 - "PUT /v1/episodes/a/e HTTP/1.1" 200 OK`, ""},
		"an error that quotes":         {`ERROR: cannot answer "PUT /v1/episodes/a/e"`, `error: cannot answer "PUT /v1/episodes/a/e"`},
		"terminal sequences":           {"ERROR: \x1b]0;x\x07\x1b[2J\u202e\x00", `error: \u202e\x00`},
		"an exception alone":           {"OSError: [Errno 28] No space left on device", "traceback: OSError: [Errno 28] No space left on device"},
		"a class of a module":          {"starlette.requests.ClientDisconnect", "traceback: starlette.requests.ClientDisconnect"},
		"a server's logger":            {"uvicorn.error: Started server process", ""},
		"JSON":                         {`{"level":"error","message":"disk full","exc_info":"Traceback (most recent call last):\n  File \"x\"\nOSError: [Errno 28] No space left"}`, "error: disk full\ntraceback: OSError: [Errno 28] No space left"},
		"JSON of structlog":            {`{"level":"critical","event":"disk full","exception":"Traceback (most recent call last):\nOSError: x\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\nKeyError: 1"}`, "error: disk full\ntraceback: OSError: x\ntraceback: KeyError: 1"},
		"JSON, another level":          {`!{"level":"info","message":"ERROR: x"}`, ""},
		"JSON without a level":         {`{"message":"ERROR: x"}`, "error: x"},
		"JSON with a request":          {`{"level":"error","method":"GET","path":"/ERROR","status":500,"message":"ERROR: x"}`, ""},
		"JSON with an access line":     {`{"level":"error","message":"10.0.0.1:5 - \"GET /x HTTP/1.1\" 500"}`, ""},
		"JSON that a client nested":    {`{"headers":{"level":"error","exception":"OSError: x"},"message":"hello"}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := errorsIn(test.line); got != test.want {
				t.Errorf("%q\ngot  %q\nwant %q", test.line, got, test.want)
			}
		})
	}
}

// TestTracebacks has tracebacks, which give one error each: their last line.
func TestTracebacks(t *testing.T) {
	t.Parallel()
	const head, file, access = "Traceback (most recent call last):", `  File "x.py", line 1, in f`, `INFO:     10.0.0.1:5 - "PUT /v1/episodes/a/e HTTP/1.1" 500 Internal Server Error`
	for name, test := range map[string]struct {
		messages []string
		want     string
	}{
		"lines": {[]string{"ERROR:    Exception in ASGI application", head, file, "    error = f()", "    ERROR: x", "ModuleNotFoundError: No module named 'x'", access},
			"error: Exception in ASGI application\ntraceback: ModuleNotFoundError: No module named 'x'"},
		"its start was read by an earlier pass": {[]string{file, "    error = f()", "    ERROR: x", "ModuleNotFoundError: No module named 'x'"},
			"traceback: ModuleNotFoundError: No module named 'x'"},
		"priority err": {[]string{"!" + head, "!" + file, "!    f()", "!KeyError: 'x'", "!During handling of the above exception, another exception occurred:", "!" + head, "!" + file, "!receiver.Broken"},
			"traceback: KeyError: 'x'\ntraceback: receiver.Broken"},
		"one message": {[]string{"!disk full\n" + head + "\n" + file + "\nERROR: forged\nOSError: [Errno 28] No space left on device"},
			"error: disk full\ntraceback: OSError: [Errno 28] No space left on device"},
		"the other stream is between": {[]string{"77/err§" + head, access, "77/err§" + file, access, "ERROR: x", "77/err§OSError: full"},
			"error: x\ntraceback: OSError: full"},
		"an exception group": {[]string{"  + Exception Group Traceback (most recent call last):", "  |   File \"x.py\", line 1", "  | ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)",
			"  +-+---------------- 1 ----------------", "    | Traceback (most recent call last):", "    |   File \"x.py\", line 1", "    | OSError: [Errno 28] No space left on device", "    +------------------------------------"},
			"traceback: OSError: [Errno 28] No space left on device"},
		"a client's text": {[]string{head, file, "ValueError: bad host \x1b[31m'lab\\n';rm -rf /\x1b[0m\u202e"},
			`traceback: ValueError: bad host 'lab\n';rm -rf /` + `\u202e`},
		"a client's access line":                      {[]string{head, file, `h11.RemoteProtocolError: 1.1.1.1:5 - "PUT /v1/episodes/a/e HTTP/1.1" 200 OK`}, ""},
		"a request of hypercorn's over several lines": {[]string{`10.0.0.1:5 - - [28/Nov/2026:10:39:53 +0000] "PUT /v1/episodes/a/`, "ERROR: forged", "OSError: forged", `x 1.1" 404 - "-" "-"`}, ""},
		"a line that was cut":                         {[]string{"77/out!§ERROR: " + strings.Repeat("x", 300), "ERROR: y", "ERROR: z"}, "error: " + strings.Repeat("x", 256) + "\nerror: z"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := errorsIn(test.messages...); got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

// FuzzErrors gives lines to one reader, and to two readers as if the first pass had ended
// after some of them. Both must find the same errors, and none in an access line.
func FuzzErrors(f *testing.F) {
	for _, seed := range []string{
		"ERROR:    Exception in ASGI application\nTraceback (most recent call last):\n  File \"x\"\n    error = 1\nOSError: [Errno 28] x",
		"[2026-11-28 10:39:53 +0000] [2529] [CRITICAL] WORKER TIMEOUT (pid:25291)\n!no level\n  | KeyError: 'x'",
		`{"level":"error","event":"x","exception":"Traceback (most recent call last):\nOSError: x"}` + "\n!{}",
		`10.0.0.1 - ERROR: x [28/Nov/2026:10:39:57 +0000] "PUT /v1/episodes/a/e HTTP/1.1" 500 0 "-" "-"`,
		`INFO:     10.0.0.1:5 - "PUT /v1/episodes/ERROR:/e HTTP/1.1" 500` + "\nERROR: \x1b[2J\u202e 0xdeadbeef12345678 aaaaaaaaaaaaaaaaaaaaa",
	} {
		f.Add(seed, 2)
	}
	f.Fuzz(func(t *testing.T, text string, split int) {
		lines := strings.Split(text, "\n")
		for _, line := range lines {
			line = strings.TrimRight(string(stripColour([]byte(strings.TrimPrefix(line, "!")))), "\r")
			if len(line) == 0 || strings.Contains(line, "§") || isUnfinished([]byte(line)) {
				return // a reader remembers only unfinished requests
			}
			for _, failed := range []bool{false, true} {
				if e, ok := errorOf([]byte(line), failed); ok {
					if text := bounded(normal(e.text)); len(text) > maxMessage || !visible.All(text) {
						t.Fatalf("text %q", text)
					}
					if _, access := accessLine([]byte(line)); access {
						t.Fatalf("%q is an access line and an error", line)
					}
				}
			}
		}
		split = min(max(split, 0), len(lines))
		first, second := errorsIn(lines[:split]...), errorsIn(lines[split:]...)
		if whole, parts := errorsIn(lines...), strings.Trim(first+"\n"+second, "\n"); whole != parts {
			t.Fatalf("one reader found %q, two found %q", whole, parts)
		}
	})
}
