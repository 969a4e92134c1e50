package ingest

import (
	"fmt"
	"strings"
	"testing"
)

// TestAccessLines parses lines as servers print them, and lines that clients forged.
func TestAccessLines(t *testing.T) {
	t.Parallel()
	const uvicorn, hypercorn, gunicorn = `INFO:     10.0.0.1:5 - `, `10.0.0.1:5 - - [28/Nov/2026:10:39:53 +0000] `, `10.0.0.1 - - [28/Nov/2026:10:39:57 +0000] `
	for name, test := range map[string]struct{ line, want string }{
		"uvicorn":                          {uvicorn + `"PUT /v1/episodes/a/e HTTP/1.1" 201 Created`, "a 201 10.0.0.1"},
		"a code without a phrase":          {uvicorn + `"PUT /v1/episodes/a/e HTTP/1.1" 299 `, "a 299 10.0.0.1"},
		"a teapot":                         {uvicorn + `"PUT /v1/episodes/a/e HTTP/1.1" 418 I'm a Teapot`, "a 418 10.0.0.1"},
		"an IPv6 client":                   {`INFO:     2001:db8:abcd::1:50000 - "PUT /v1/episodes/a/e HTTP/1.1" 200 OK`, "a 200 2001:db8:abcd::1"},
		"a mapped client":                  {`INFO:     ::ffff:10.0.0.1:5 - "PUT /v1/episodes/a/e HTTP/1.1" 200 OK`, "a 200 10.0.0.1"},
		"a link-local client":              {`INFO:     fe80::1%eth0:5 - "PUT /v1/episodes/a/e HTTP/1.1" 200 OK`, "a 200 fe80::1"},
		"a unix socket":                    {`INFO:      - "PUT /v1/episodes/a/e HTTP/1.1" 200 OK`, "a 200"},
		"a client named by a proxy":        {`INFO:     testclient:50000 - "PUT /v1/episodes/a/e HTTP/1.1" 200 OK`, "a 200"},
		"no prefix":                        {`"PUT /v1/episodes/a/e HTTP/1.1" 200`, "a 200"},
		"basicConfig":                      {`INFO:uvicorn.access:10.0.0.1:5 - "PUT /v1/episodes/a/e HTTP/1.1" 200`, "a 200 10.0.0.1"},
		"times and a logger":               {`2026-05-01 12:00:00,123 - uvicorn.access - INFO - 10.0.0.1:5 - "PUT /v1/episodes/a/e HTTP/1.1" 200`, "a 200 10.0.0.1"},
		"loguru":                           {`2026-05-01 12:00:00.123 | INFO     | uvicorn.protocols.http.h11_impl:send:431 - 10.0.0.1:5 - "PUT /v1/episodes/a/e HTTP/1.1" 200`, "a 200 10.0.0.1"},
		"syslog":                           {`May  1 12:00:00 uvicorn[77]: 2026-05-01T12:00:00Z [info] [MainThread] 10.0.0.1:5 - "PUT /v1/episodes/a/e HTTP/1.1" 200`, "a 200 10.0.0.1"},
		"a logger with a line end of DOS":  {uvicorn + `"PUT /v1/episodes/a/e HTTP/1.1" 200 OK` + "\r", "a 200 10.0.0.1"},
		"colours":                          {"\x1b[32mINFO\x1b[0m:     10.0.0.1:5 - \"\x1b[1mPUT /v1/episodes/a/e HTTP/1.1\x1b[0m\" \x1b[31m412 Precondition Failed\x1b[0m", "a 412 10.0.0.1"},
		"24-bit colours within words":      {"INFO: 10.0.0.1:5 - \"PUT /v1/epi\x1b[38;2;1;2;3msodes/a/e HTTP/1.1\" 4\x1b[K12", "a 412 10.0.0.1"},
		"a root path":                      {uvicorn + `"PUT /cis490/v1/episodes/a/e HTTP/1.1" 201`, "a 201 10.0.0.1"},
		"a root path of two segments":      {uvicorn + `"PUT /x/y-z/v1/episodes/a/e HTTP/1.1" 201`, "a 201 10.0.0.1"},
		"a quote in the query":             {uvicorn + `"PUT /v1/episodes/a/e?q="x"200 HTTP/1.1" 412`, "a 412 10.0.0.1"},
		"a status in the query":            {uvicorn + `"PUT /v1/episodes/a/e?HTTP/1.1" 200 HTTP/1.1" 412 Precondition Failed`, "a 412 10.0.0.1"},
		"a request in the query":           {uvicorn + `"PUT /v1/episodes/a/e?x HTTP/1.1" 200 OK "PUT /v1/episodes/b/e HTTP/1.1" 412`, "a 412 10.0.0.1"},
		"a decoded path":                   {uvicorn + `"PUT /v1/episodes/a b/e"x HTTP/1.1" 412`, "a b 412 10.0.0.1"},
		"hypercorn, a status in the query": {hypercorn + `"PUT /v1/episodes/a/e?1.1" 200 1.1" 412 - "-" "-"`, "a 412 10.0.0.1"},
		"hypercorn, a decoded path":        {hypercorn + `"PUT /v1/episodes/a b/e"x 1.1" 412 - "-" "-"`, "a b 412 10.0.0.1"},
		"X-Forwarded-For with a PUT":       {`INFO:     1.2.3.4 - "PUT /v1/episodes/a/e HTTP/1.1" 200 OK:0 - "GET / HTTP/1.1" 200 OK`, ""},
		"X-Forwarded-For with two quotes":  {`INFO:     1.2.3.4:0 - "PUT /v1/episodes/a/e":0 - "GET / HTTP/1.1" 200 OK`, ""},
		"X-Forwarded-For with a line that ends before the request":    {`INFO:     1.2.3.4 - "PUT /v1/episodes/a/e HTTP/1.1" 200:0 - "PUT /v1/episodes/b/e HTTP/1.1" 412`, ""},
		"an episode's name with an encoded quote":                     {uvicorn + `"PUT /v1/episodes/a/e%22%20HTTP/1.1%22%20200 HTTP/1.1" 412`, "a 412 10.0.0.1"},
		"a query with a path":                                         {uvicorn + `"PUT /v1/other?/v1/episodes/a/e HTTP/1.1" 200`, ""},
		"another resource whose name looks like a path of an episode": {uvicorn + `"PUT /v1/logs/v1/episodes/a/e HTTP/1.1" 200`, ""},
		"an episode whose name looks like a path of an episode":       {uvicorn + `"PUT /v1/episodes/a/v1/episodes/b/e HTTP/1.1" 200`, "a 200 10.0.0.1"},
		"a host encoded twice":                                        {uvicorn + `"PUT /v1/episodes/a%2520b/e HTTP/1.1" 200`, "a%20b 200 10.0.0.1"},
		"another method":                                              {uvicorn + `"GET /v1/episodes/a/e HTTP/1.1" 200`, ""},
		"a method in the path":                                        {uvicorn + `"GET PUT /v1/episodes/a/e HTTP/1.1" 200`, ""},
		"a method in small letters":                                   {uvicorn + `"put /v1/episodes/a/e HTTP/1.1" 200`, ""},
		"no answer":                                                   {uvicorn + `"PUT /v1/episodes/a/e HTTP/1.1" 000`, ""},
		"a status over 599":                                           {uvicorn + `"PUT /v1/episodes/a/e HTTP/1.1" 600`, ""},
		"four digits":                                                 {uvicorn + `"PUT /v1/episodes/a/e HTTP/1.1" 2000`, ""},
		"HTTP/2":                                                      {uvicorn + `"PUT /v1/episodes/a/e HTTP/2" 200`, "a 200 10.0.0.1"},
		"HTTP/3":                                                      {hypercorn + `"PUT /v1/episodes/a/e 3" 200 - "-" "-"`, "a 200 10.0.0.1"},
		"hypercorn":                                                   {"[2026-11-28 10:39:53 +0000] [2529] [INFO] " + hypercorn + `"PUT /v1/episodes/a/e 1.1" 404 - "-" "-"`, "a 404 10.0.0.1"},
		"hypercorn's common form":                                     {hypercorn + `"PUT /v1/episodes/a/e 1.1" 201 21`, "a 201 10.0.0.1"},
		"hypercorn, a host that was encoded twice":                    {hypercorn + `"PUT /v1/episodes/a%20b/e"x 1.1" 201 21 "-" "-"`, "a%20b 201 10.0.0.1"},
		"hypercorn, a status in the path":                             {hypercorn + `"PUT /v1/episodes/a/x 1.1" 200 - "-" "-" 1.1" 404 - "-" "-"`, "a 404 10.0.0.1"},
		"hypercorn, a status in the agent":                            {hypercorn + `"PUT /v1/episodes/a/x 1.1" 404 - "-" "x HTTP/1.1" 200 - "-" "y"`, "a 404 10.0.0.1"},
		"hypercorn, a PUT in the agent":                               {hypercorn + `"GET / 1.1" 404 - "-" "PUT /v1/episodes/a/x 1.1" 200 - "-" "y"`, ""},
		"gunicorn":                                                    {gunicorn + `"PUT /v1/episodes/a/e HTTP/1.1" 404 0 "-" "-"`, "a 404 10.0.0.1"},
		"gunicorn, IPv6":                                              {`2001:db8::5 - - [28/Nov/2026:10:39:57 +0000] "PUT /v1/episodes/a/e HTTP/1.1" 404 0 "-" "-"`, "a 404 2001:db8::5"},
		"gunicorn on a socket":                                        {` - - [28/Nov/2026:10:39:57 +0000] "PUT /v1/episodes/a/e HTTP/1.1" 404 0 "-" "-"`, "a 404"},
		"gunicorn, an encoded path":                                   {gunicorn + `"PUT /v1/%65pisodes/a%20b/e HTTP/1.1" 404 0 "-" "-"`, "a b 404 10.0.0.1"},
		"gunicorn, an odd user":                                       {`10.0.0.1 - host=x (\"PUT /v1/episodes/b/x HTTP/1.1\" 200 [28/Nov/2026:10:39:57 +0000] "PUT /v1/episodes/a/e HTTP/1.1" 404 0 "-" "-"`, "a 404 10.0.0.1"},
		"gunicorn, a status in the agent":                             {gunicorn + `"PUT /v1/episodes/a/e HTTP/1.1" 404 0 "-" "x HTTP/1.1\" 200 - \"-\" \"y"`, "a 404 10.0.0.1"},
		"JSON with a message":                                         {`{"level": "INFO", "message": "10.0.0.1:5 - \"PUT /v1/episodes/a/e?x=\\\"\" HTTP/1.1\" 201"}`, "a 201 10.0.0.1"},
		"JSON with members":                                           {`{"method":"PUT","path":"/v1/episodes/a%20b/e","status":412,"client":"10.0.0.1:5"}`, "a b 412 10.0.0.1"},
		"JSON of structlog":                                           {`{"http":{"url":"http://x/v1/episodes/a/e","status_code":201,"method":"PUT"},"network":{"client":{"ip":"10.0.0.1"}},"event":"x"}`, "a 201 10.0.0.1"},
		"JSON of ECS":                                                 {`{"http.request.method":"PUT","url.path":"/v1/episodes/a/e","http.response.status_code":503,"client.ip":"::1"}`, "a 503 ::1"},
		"JSON of uvicorn's members":                                   {`{"request_line":"PUT /v1/episodes/a/e HTTP/1.1","status_code":"412 Precondition Failed","client_addr":"10.0.0.1:5"}`, "a 412 10.0.0.1"},
		"JSON with forged headers":                                    {`{"headers":{"method":"PUT","path":"/v1/episodes/a/e","status":"200"},"method":"GET","path":"/","status":404}`, ""},
		"JSON with a forged query":                                    {`{"method":"GET","path":"/","query":"\",\"method\":\"PUT\"","status":404}`, ""},
		"JSON without an answer":                                      {`{"method":"PUT","path":"/v1/episodes/a/e","status":0}`, ""},
		"JSON that is torn":                                           {`{"method":"PUT","path":"/v1/episodes/a/e","status":404`, ""},
		"an access line within a message":                             {`INFO: agent 10.0.0.1:5 - "PUT /v1/episodes/a/e HTTP/1.1" 200 OK`, ""},
		"an access line after a colon":                                {`INFO: agent: 10.0.0.1:5 - "PUT /v1/episodes/a/e HTTP/1.1" 200 OK`, ""},
		"an access line within a path":                                {`INFO: /10.0.0.1:5 - "PUT /v1/episodes/a/e HTTP/1.1" 200 OK`, ""},
		"an access line within bytes":                                 {`illegal request line: bytearray(b'GET PUT /v1/episodes/a/e HTTP/1.1" 200 HTTP/1.1')`, ""},
		"an access line with a second request":                        {uvicorn + `"GET / HTTP/1.1" 404 "PUT /v1/episodes/a/e HTTP/1.1" 200"`, ""},
		"an access line in X-Forwarded-For":                           {`INFO:     1.1.1.1:5 - "PUT /v1/episodes/a/e HTTP/1.1" 200 OK:0 - "GET / HTTP/1.1" 404 Not Found`, ""},
		"a root path that ends in v1":                                 {uvicorn + `"PUT /api/v1/v1/episodes/a/e HTTP/1.1" 412`, "a 412 10.0.0.1"},
		"a root path that holds v1":                                   {uvicorn + `"PUT /v1/x/v1/episodes/a/e HTTP/1.1" 412`, ""},
		"JSON with two messages":                                      {`{"message":"10.0.0.1:5 - \"PUT /v1/episodes/a/e HTTP/1.1\" 412","event":"http.access"}`, "a 412 10.0.0.1"},
		"JSON with two statuses":                                      {`{"method":"PUT","path":"/v1/episodes/a/e","status_code":412,"status":"error"}`, "a 412"},
		"JSON with an empty URL":                                      {`{"method":"PUT","path":"/v1/episodes/a/e","url":"","status":412}`, "a 412"},
		"JSON with a path in the object and in a part":                {`{"http":{"path":"/v1/episodes/b/e"},"method":"PUT","path":"/v1/episodes/a/e","status":412}`, "a 412"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := told("", test.line); got != test.want {
				t.Errorf("%s\ngot %q, want %q", test.line, got, test.want)
			}
		})
	}
}

// originOf parses "PID", "PID/STREAM", or "PID/STREAM!" for a line that was cut.
func originOf(text string) (s origin) {
	text, s.cut = strings.CutSuffix(text, "!")
	pid, stream, _ := strings.Cut(text, "/")
	s.pid, s.stream = []byte(pid), []byte(stream)
	return s
}

// told returns the outcomes of messages as text. With sep "|", a message may start with
// "ORIGIN|". Otherwise its origin is process 77.
func told(sep string, messages ...string) string {
	var r messageReader
	var all []string
	for _, m := range messages {
		pid := "77"
		if before, after, ok := strings.Cut(m, "|"); ok && sep == "|" {
			pid, m = before, after
		}
		r.message(originOf(pid), []byte(m), false, func(f outcome) {
			switch {
			case f.status != 0:
				all = append(all, strings.TrimSpace(fmt.Sprint(f.host, " ", f.status, " ", clientAddress(f.client))))
			case f.unstamped:
				all = append(all, f.host+" unstamped")
			default:
				all = append(all, f.host+" other")
			}
		})
	}
	return strings.Join(all, ", ")
}

// TestRejections parses lines that the predecessor's pattern accepts: those in the words of
// different loggers, and those that clients forged.
func TestRejections(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ line, want string }{
		"host first":                            {`host=a missing X-Cis490-Code-Commit`, "a unstamped"},
		"host last":                             {`WARNING reject: Missing x-cis490-code-commit header, host=a,`, "a unstamped"},
		"basicConfig":                           {`WARNING:cis490.receiver:rejected host=a: missing X-Cis490-Code-Commit`, "a: unstamped"},
		"a time and a level":                    {`2026-05-01 12:00:00,123 [77] WARNING cis490.receiver - rejected PUT host=a, missing X-Cis490-Code-Commit`, "a unstamped"},
		"an aligned level":                      {` WARNING host=a missing X-Cis490-Code-Commit`, "a unstamped"},
		"a level in brackets":                   {`[WARNING] host=a disk is slow`, "a other"},
		"a warning of Python":                   {`Warning: host=a missing X-Cis490-Code-Commit`, "a unstamped"},
		"logfmt":                                {`level=warning reason="missing X-Cis490-Code-Commit" host="a"`, "a unstamped"},
		"fields with commas":                    {`WARNING [reason=x,host=a] refused`, "a] other"},
		"a quoted host":                         {`WARNING host="lab 07", missing X-Cis490-Code-Commit`, "lab 07 unstamped"},
		"a host in single quotes":               {`WARNING host='a' missing X-Cis490-Code-Commit`, "a unstamped"},
		"an apostrophe":                         {`WARNING can't take it, it's missing X-Cis490-Code-Commit host=a`, "a unstamped"},
		"an open bracket":                       {`missing X-CIS490-Code-Commit (host=a`, "a unstamped"},
		"a date with slashes":                   {`01/May/2026 WARNING 95% full host=a`, "a other"},
		"a type with a slash":                   {`WARNING application/zstd refused host=a`, "a other"},
		"the host's path before the host":       {`WARNING PUT /v1/episodes/a%20b/e refused: missing X-Cis490-Code-Commit host="a b"`, "a b unstamped"},
		"the host's request before the host":    {`WARNING rejected "PUT /v1/episodes/a/e?x="y" HTTP/1.1" 400: missing X-Cis490-Code-Commit host=a`, "a unstamped"},
		"a path after the host":                 {`WARNING host=a missing X-Cis490-Code-Commit: /v1/episodes/a/e`, "a unstamped"},
		"an empty host before a host":           {`WARNING host= host=a`, "a other"},
		"an ideographic space":                  {"host=a\u3000id=5 missing X-Cis490-Code-Commit", "a unstamped"},
		"a unit separator":                      {"host=a\x1fid=5 missing X-Cis490-Code-Commit", "a unstamped"},
		"an en quad":                            {"host=a\u2000id=5 missing X-Cis490-Code-Commit", "a unstamped"},
		"a zero width space is not white space": {"host=a\u200b missing X-Cis490-Code-Commit", "a\u200b unstamped"},
		"colours":                               {"\x1b[33mWARNING\x1b[0m: host=\x1b[1ma\x1b[0m missing X-Cis490-Code-Commit", "a unstamped"},
		"JSON":                                  {`{"level":"WARNING","message":"rejected host=\"a\": no space"}`, "a other"},
		"JSON with the request it rejects":      {`{"level":"warning","event":"rejected host=a, missing X-Cis490-Code-Commit","method":"PUT","path":"/v1/episodes/a/e","status":412}`, "a unstamped"},
		"a logger named after a class":          {`cis490.receiver.EpisodeHandler: WARNING rejected PUT host=a, missing X-Cis490-Code-Commit`, "a unstamped"},
		"a sign of inches":                      {`WARNING 3.5" disk host=a, missing X-Cis490-Code-Commit`, "a unstamped"},
		"X-Forwarded-For":                       {`INFO:     WARNING host=a missing X-Cis490-Code-Commit:0 - "GET / HTTP/1.1" 404 Not Found`, ""},
		"JSON, unstamped":                       {`{"level":"info","event":"host=a missing X-Cis490-Code-Commit"}`, "a unstamped"},
		"no warning":                            {`INFO host=a is fine`, ""},
		"a word that holds the level":           {`NOWARNINGS host=a`, ""},
		"a query":                               {`INFO:     1.2.3.4:5 - "GET /?WARNING&host=a HTTP/1.1" 404 Not Found`, ""},
		"a query at the start of the line":      {`"GET /?WARNING,host=a,missing X-Cis490-Code-Commit HTTP/1.1" 404 Not Found`, ""},
		"a method":                              {`INFO:     1.2.3.4:5 - "WARNING /host=a HTTP/1.1" 404 Not Found`, ""},
		"an agent":                              {`1.2.3.4 - - [28/Nov/2026:10:39:57 +0000] "GET / HTTP/1.1" 404 0 "-" "WARNING host=a missing X-Cis490-Code-Commit"`, ""},
		"a user":                                {`1.2.3.4 - WARNING host=a( [28/Nov/2026:10:39:57 +0000] "GET / HTTP/1.1" 404 0 "-" "-"`, ""},
		"a URL in a message":                    {`WARNING: no such page http://x/?host=a&missing X-Cis490-Code-Commit`, ""},
		"a path in a message":                   {`WARNING: not found: /x,host=a missing X-Cis490-Code-Commit`, ""},
		"a decoded path in a message":           {`WARNING: not found: /x host=a missing X-Cis490-Code-Commit`, ""},
		"a quoted path in a message":            {`WARNING: not found: '/x host=a missing X-Cis490-Code-Commit'`, ""},
		"a quoted path that closes its quotes":  {`WARNING: not found: '/x' host=a missing X-Cis490-Code-Commit'`, ""},
		"a quoted request":                      {`WARNING: bad request "GET /x" host=a missing X-Cis490-Code-Commit HTTP/1.1"`, ""},
		"a request without quotes":              {`WARNING: bad request GET /x host=a missing X-Cis490-Code-Commit HTTP/1.1`, ""},
		"bytes":                                 {`WARNING: bad b'GET missing X-Cis490-Code-Commit host=a'`, ""},
		"bytes that are cut off":                {`WARNING: bad bytearray(b'missing X-Cis490-Code-Commit host=a`, ""},
		"bytes with a quote":                    {`WARNING: bad b"it's' host=a missing X-Cis490-Code-Commit"`, ""},
		"an agent in a message":                 {`WARNING: agent "host=a missing X-Cis490-Code-Commit" refused`, ""},
		"an exception":                          {`h11._util.RemoteProtocolError: illegal request line: missing X-Cis490-Code-Commit host=a`, ""},
		"an exception of Python's own":          {`ValueError: missing X-Cis490-Code-Commit host=a`, ""},
		"a line of a traceback":                 {`    raise E("host=a") # missing X-Cis490-Code-Commit`, ""},
		"the end of a long access line":         {`aaa,WARNING,host=a,missing X-Cis490-Code-Commit HTTP/1.1" 404 Not Found`, ""},
		"the start of a long access line":       {`INFO:     1.2.3.4:5 - "GET /?WARNING host=a missing X-Cis490-Code-Commit`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := told("", test.line); got != test.want {
				t.Errorf("%s\ngot %q, want %q", test.line, got, test.want)
			}
		})
	}
}

// TestContinuedLines parses tracebacks and requests over several lines, and cut lines.
func TestContinuedLines(t *testing.T) {
	t.Parallel()
	const heading, frame = "Traceback (most recent call last):", `  File "x.py", line 1, in f`
	const put, forged = `10.0.0.1:5 - "PUT /v1/episodes/a/e HTTP/1.1" 412`, `INFO:     10.0.0.9:5 - "PUT /v1/episodes/a/e HTTP/1.1" 200 OK`
	for name, test := range map[string]struct {
		messages []string
		want     string
	}{
		"a traceback in entries":                                 {[]string{put, heading, frame, "    host=a # missing X-Cis490-Code-Commit", "oops: host=a missing X-Cis490-Code-Commit", put}, "a 412 10.0.0.1, a 412 10.0.0.1"},
		"an access line in a traceback":                          {[]string{"1/e|" + heading, "1/e|" + frame, "1/e|" + forged, "1/o|" + put}, "a 412 10.0.0.1"},
		"an access line of the other stream during a traceback":  {[]string{"1/e|" + heading, "1/o|" + put, "1/e|" + frame, "1/e|oops: host=a missing X-Cis490-Code-Commit", "1/o|" + put}, "a 412 10.0.0.1, a 412 10.0.0.1"},
		"an access line of an unknown stream during a traceback": {[]string{heading, put, frame, put, "E: host=a missing X-Cis490-Code-Commit", put}, "a 412 10.0.0.1, a 412 10.0.0.1, a 412 10.0.0.1"},
		"a traceback in one entry":                               {[]string{"ERROR: x\n" + heading + "\n" + frame + "\noops\n" + forged, put}, "a 412 10.0.0.1"},
		"an access line of another process":                      {[]string{"1/e|" + heading, "2/e|" + put, "1/e|" + forged, "1/e|" + put}, "a 412 10.0.0.1, a 412 10.0.0.1"},
		"a cut line":                                             {[]string{`1/o!|INFO:     10.0.0.9:5 - "GET /?aaaa HTT`, `1/o|P/1.1" 404 Not Found`, "1/o|" + put}, "a 412 10.0.0.1"},
		"a line cut at its status":                               {[]string{`1/o!|INFO:     10.0.0.9:5 - "GET /?aaaa HTTP/1.1`, `1/o|" 404 Not Found`, "1/o|" + put, "1/o|WARNING host=a x"}, "a 412 10.0.0.1, a other"},
		"a line cut twice":                                       {[]string{`1/o!|INFO:     10.0.0.9:5 - "GET /?aaaa`, "1/o!|" + forged, "1/o|" + forged + `:0 - "GET / HTTP/1.1" 404 Not Found`, "1/o|" + put}, "a 412 10.0.0.1"},
		"a whole line of 48 KiB":                                 {[]string{`1/o!|INFO:     10.0.0.9:5 - "GET /?aaaa HTTP/1.1" 404 Not Found`, "1/o|" + put}, "a 412 10.0.0.1"},
		"a whole line of 48 KiB before a rejection":              {[]string{`1/o!|INFO:     aaaa:0 - "GET / HTTP/1.1" 404 Not Found`, "1/o|WARNING host=a x"}, "a other"},
		"a line of 96 KiB":                                       {[]string{`1/o!|INFO:     10.0.0.9:5 - "GET /?aaaa`, `1/o!|aaaa HTTP/1.1" 404 Not Found`, "1/o|" + put}, "a 412 10.0.0.1"},
		"a line cut in its reason phrase":                        {[]string{`1/o!|INFO:     10.0.0.9:5 - "GET /?aaaa HTTP/1.1" 404 Not Fo`, "1/o|und", "1/o|" + put}, "a 412 10.0.0.1"},
		"a rejection after a forged end":                         {[]string{"1/o!|" + forged, `1/o|WARNING host=a missing X-Cis490-Code-Commit:0 - "GET / HTTP/1.1" 404 Not Found`, "1/o|" + put}, "a 412 10.0.0.1"},
		"a dated line after a forged end":                        {[]string{"1/o!|" + forged, `1/o|10.0.0.9:5 - - [28/Nov/2026:10:39:53 +0000] "PUT /v1/episodes/a/e 1.1" 200 0 "-" "x`, "1/o|" + put}, "a 412 10.0.0.1"},
		"a dated line that was cut":                              {[]string{`1/o!|10.0.0.9:5 - - [28/Nov/2026:10:39:53 +0000] "GET /aaaa`, `1/o|a 1.1" 404 - "-" "-"`, "1/o|WARNING host=a x", "1/o|" + put}, "a other, a 412 10.0.0.1"},
		"another stream between two pieces":                      {[]string{`1/o!|INFO:     10.0.0.9:5 - "GET /?aaaa`, "1/e|WARNING host=a x", "1/o|" + forged, "1/o|" + put}, "a other, a 412 10.0.0.1"},
		"a line cut where a status ends":                         {[]string{"1/o!|" + forged, `1/o|x HTTP/1.1" 404 Not Found`}, ""},
		"a rejection that was cut":                               {[]string{`1/e!|WARNING host=a missing X-Cis490-Code-Commit, aaaa`, "1/e|WARNING host=b aaaa", "1/e|WARNING host=c x"}, "a unstamped, c other"},
		"a traceback with a cut line":                            {[]string{"1/e|" + heading, "1/e!|    aaaa", "1/e|host=a missing X-Cis490-Code-Commit", "1/e|    f()", "1/e|E: host=a missing X-Cis490-Code-Commit", "1/e|" + put}, "a 412 10.0.0.1"},
		"a request of too many lines":                            {append(append([]string{`10.0.0.9:5 - - [28/Nov/2026:10:39:53 +0000] "GET /x`}, repeated("y", maxRequestLines)...), put), "a 412 10.0.0.1"},
		"two exceptions":                                         {[]string{heading, frame, "KeyError: 'x'", "", "During handling of the above exception, another exception occurred:", "", heading, frame, "oops host=a missing X-Cis490-Code-Commit", put}, "a 412 10.0.0.1"},
		"the middle of a traceback":                              {[]string{frame, "    host=a # missing X-Cis490-Code-Commit", "x.E: host=a missing X-Cis490-Code-Commit", "x.Error: host=a missing X-Cis490-Code-Commit", put}, "a 412 10.0.0.1"},
		"a traceback in JSON":                                    {[]string{`{"level":"WARNING","message":"x\n` + heading + `\n  f\noops host=a missing X-Cis490-Code-Commit"}`, put}, "a 412 10.0.0.1"},
		"a request with line ends":                               {[]string{`10.0.0.9:5 - - [28/Nov/2026:10:39:53 +0000] "GET /x`, "WARNING host=a missing X-Cis490-Code-Commit\r", `y 1.1" 404 - "-" "-"`, put}, "a 412 10.0.0.1"},
		"an access line in a request with line ends":             {[]string{`10.0.0.9:5 - - [28/Nov/2026:10:39:53 +0000] "GET /x`, forged, put}, "a 412 10.0.0.1"},
		"a request without its status":                           {[]string{`INFO 10.0.0.1:5 - "PUT /v1/episodes/a/e HTTP/1.1"`, put}, "a 412 10.0.0.1"},
		"a quoted request in a message":                          {[]string{`WARNING: no route for "GET /x"`, put, `INFO: "GET /x"`, put, `WARNING: no route for "GET /x`, put}, "a 412 10.0.0.1, a 412 10.0.0.1, a 412 10.0.0.1"},
		"an access line in two pieces":                           {[]string{`INFO:     10.0.0.1:5 - "GET /?aaaa`, `WARNING,host=a HTTP/1.1" 404 Not Found`, put}, "a 412 10.0.0.1"},
		"a heading that a client wrote":                          {[]string{`WARNING: bad agent ` + heading, put}, "a 412 10.0.0.1"},
		"more streams than are remembered":                       {append(manyProcesses(heading), "0|"+put), "a 412 10.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := told("|", test.messages...); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func repeated(message string, n int) (messages []string) {
	for range n {
		messages = append(messages, message)
	}
	return messages
}

func manyProcesses(message string) (messages []string) {
	for pid := range 2 * maxUnfinished {
		messages = append(messages, fmt.Sprint(pid, "|", message))
	}
	return messages
}
