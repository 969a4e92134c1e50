package page

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cis490/fleet-health/cmd/internal/cli"
	"github.com/cis490/fleet-health/cmd/internal/fleettest"
	"github.com/cis490/fleet-health/store"
)

// script is what hostile names want to run.
const script = "alert(1)"

// hostileNames are names of hosts that would do something in a page that does not escape them.
var hostileNames = []string{
	"<script>" + script + "<∕script>", "<script>" + script, "<SCRIPT SRC=x>", "<scr<script>ipt>", "<img src=x onerror=" + script + ">", "<svg onload=" + script + ">",
	"<svg><script>" + script + "", "<math><mtext><table><mglyph><style><img src=x onerror=" + script + ">", "<iframe srcdoc='<p>'>", "<object data=x>",
	"<embed src=x>", "<base href=x>", "<meta http-equiv=refresh content=0>", "<link rel=stylesheet href=x>", "<form action=x><button>", "<input autofocus onfocus=" + script + ">",
	"<a href=javascript:" + script + ">x", "<details open ontoggle=" + script + ">", "<video><source onerror=" + script + ">", "<body onload=" + script + ">", "<marquee onstart=" + script + ">",
	"<template><p>", "<noscript><p title=\"x\">", "<plaintext>", "<xmp>", "<textarea>", "<title>", "<select><option>", "<table><tr><td>", "<!--", "-->", "<!DOCTYPE html>", "<![CDATA[", "]]>", "<?xml version=1?>",
	"<∕style><script>" + script, "</", "</style", "}</style", "*{display:none}", "@import 'x'", "background:url(x)", "expression(" + script + ")", "/*", "*/",
	"\" onmouseover=\"" + script, "' onmouseover='" + script, "x onmouseover=" + script, "\"><b>", "'><b>", "`onclick=" + script + "`", "\\\"><b>", "&quot;><b>", "&#34;><b>", "&lt;b&gt;", "&amp;lt;b", "&#x3c;b>", "&lt", "&nbsp;", "&#0;",
	"javascript:" + script, "JaVaScRiPt:" + script, "java\tscript:" + script, "data:text.html,<b>", "vbscript:x", "//evil.example", "http:evil", "..", ".", "#now", "?x", "%3Cscript%3E", "\u202e<tpircs>", "\u2066<b>\u2069", "שלום<b>", "\u200b<b>", "\ufeff<b>",
	"\x00<b>", "a\x00b", "a\nb<b>", "\x1b[31m<b>", "\u2028<b>", "＜script＞", "ʺ><b>", "{{.}}", "{{define \"head\"}}", "${" + script + "}", "'+" + script + "+'", "[x](javascript:" + script + ")",
	strings.Repeat("w", 255), strings.Repeat("<b>", 85), strings.Repeat("&", 255), strings.Repeat("日本", 40), strings.Repeat("x ", 120) + "x", "(receiver)", "(group)", "index.html", "all", "now",
}

// hostileFleet writes pages of a fleet in which every name ships, has PUTs that are refused with
// a message, and has a code commit of the same name. It returns the directory of the pages.
func hostileFleet(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	var index, journal bytes.Buffer
	for i, name := range hostileNames {
		quoted, err := json.Marshal(name)
		if err != nil {
			t.Fatal(err)
		}
		for n := range 3 {
			fmt.Fprintf(&index, `{"host_id": %s, "received_at_wall": "2026-05-01T0%d:00:00+00:00", "code_commit": "%[2]d%s}`+"\n", quoted, 7+n, quoted[1:])
		}
		for n := range 12 {
			entry := func(priority int, message string) {
				fmt.Fprintf(&journal, "__CURSOR=s=1;i=%x\n__REALTIME_TIMESTAMP=%d\n_SYSTEMD_UNIT=cis490-receiver.service\nPRIORITY=%d\nMESSAGE\n", journal.Len(),
					fleettest.Now.UnixMicro()-int64((n+1)*60_000_000+i*1000), priority)
				size := len(message)
				journal.Write([]byte{byte(size), byte(size >> 8), 0, 0, 0, 0, 0, 0})
				journal.WriteString(message + "\n\n")
			}
			entry(6, fmt.Sprintf(`"PUT /v1/episodes/%s/e-%d HTTP/1.1" %d`, url.PathEscape(name), n, []int{412, 400, 500}[i%3]))
			entry(4, fmt.Sprintf("WARNING rejected PUT host=%s missing X-Cis490-Code-Commit \x00 %s </style><script>%s</script> ]]>", name, name, script))
			entry(3, fmt.Sprintf("ERROR: OSError: %s </title><script>%s</script>", name, script))
		}
	}
	write(t, dir, "index.jsonl", index.Bytes())
	write(t, dir, "journal.export", journal.Bytes())
	for after := range 3 { // a group is found from the second pass on
		pass(t, dir, fleettest.Now.Add(time.Duration(after)*5*time.Minute), "--group-hosts", "40")
	}
	return filepath.Join(dir, "pages")
}

func write(t *testing.T, dir, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// pass runs a pass that writes pages.
func pass(t *testing.T, dir string, now time.Time, flags ...string) {
	t.Helper()
	pages := filepath.Join(dir, "pages")
	if err := os.MkdirAll(pages, 0o755); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	args := append([]string{"pass", "--db", dir + "/fleet.db", "--index-path", dir + "/index.jsonl", "--alerts-path", dir + "/alerts.jsonl",
		"--journal-export", dir + "/journal.export", "--page", pages, "--now", now.Format(time.RFC3339)}, flags...)
	if code := cli.Run(t.Context(), args, fleettest.Env(now, &log)); code != cli.ExitOK {
		t.Fatalf("exit %d\n%s", code, &log)
	}
}

// demoFleet writes the pages of the demo.
func demoFleet(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	var log bytes.Buffer
	if code := cli.Run(t.Context(), []string{"demo", dir + "/demo"}, fleettest.Env(fleettest.Now, &log)); code != cli.ExitOK {
		t.Fatalf("exit %d\n%s", code, &log)
	}
	pass(t, dir+"/demo", fleettest.Now)
	return filepath.Join(dir, "demo", "pages")
}

// patternFleet writes the pages of a fleet with blind and pruned time, and with hosts of
// different rhythms.
func patternFleet(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	now := fleettest.Now.UnixMicro()
	s, err := store.Open(t.Context(), dir+"/fleet.db", store.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	index, err := s.Source(t.Context(), store.StreamIndex)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"steady", "slow", "nightly", "patterns", "new"}
	b := &store.Batch{Source: index, Now: now, Hosts: names, Gaps: []store.Gap{{Reason: store.GapRotated, From: now - 9*store.Hour, To: now - 7*store.Hour - 1}}}
	for _, name := range names {
		b.Series = append(b.Series, store.Series{Host: name, Commit: "1111111"}, store.Series{Host: name, Commit: "2222222"})
	}
	for minute := int64(1); minute < 6*24*60; minute++ {
		at := now - minute*store.Minute
		hour := at / store.Hour % 24
		for n, ships := range []bool{minute%4 == 0, minute%50 == 0, hour < 6 && minute%3 == 0, minute%5 == 0 && (minute < 60 || minute > 200), minute < 90 && minute%9 == 0} {
			if blind := at >= b.Gaps[0].From && at <= b.Gaps[0].To; !ships || blind {
				continue
			}
			series := int32(2 * n)
			if minute < 300 {
				series++
			}
			b.Ships = append(b.Ships, store.Ship{ReceivedAt: at, LineHash: uint64(minute)<<8 + uint64(n), Series: series})
		}
		if minute > 60 && minute < 200 && minute%10 == 0 {
			b.Puts = append(b.Puts, store.Put{At: at, CursorHash: uint64(minute), Host: 3, Status: 412})
		}
	}
	if _, err := s.Save(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Prune(t.Context(), store.PruneOptions{Before: now - 19*store.Hour}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "index.jsonl", nil)
	write(t, dir, "journal.export", nil)
	pass(t, dir, fleettest.Now)
	return filepath.Join(dir, "pages")
}
