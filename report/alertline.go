package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/cis490/fleet-health/store"
	"github.com/cis490/fleet-health/store/isotime"
	"github.com/cis490/fleet-health/store/shellword"
	"github.com/cis490/fleet-health/store/visible"
)

// alertLine is a line of alerts.jsonl. The fields have the order of the keys.
type alertLine struct {
	Host         string `json:"host"`
	Symptom      string `json:"symptom"`
	Detail       string `json:"detail"`
	SuggestedFix string `json:"suggested_fix"`
	DetectedAt   string `json:"detected_at_wall"`
	DedupKey     string `json:"dedup_key"`
}

// maxAlertLine is the length in bytes of the longest line that is read as an alert.
const maxAlertLine = 64 << 10

// parseAlert parses a line of alerts.jsonl that this program or the predecessor wrote.
func parseAlert(line []byte) (a store.Alert, ok bool) {
	var l alertLine
	if !utf8.Valid(line) || json.Unmarshal(line, &l) != nil || l.DedupKey == "" || len(l.DedupKey) > 64 {
		return a, false
	}
	at, ok := isotime.Parse(l.DetectedAt)
	return store.Alert{DedupKey: l.DedupKey, Host: l.Host, Symptom: l.Symptom, Detail: l.Detail,
		SuggestedFix: l.SuggestedFix, DetectedAt: at, LastFoundAt: at}, ok
}

// keyFits reports whether the key of an alert read from a file belongs to its host,
// symptom and hour. Another program may have written the line. If its key is that of a
// different alert, the different alert would never be raised.
func keyFits(a store.Alert) bool {
	// The key joins its parts with |: host "a" with symptom "b|c" has the same key as host "a|b" with symptom "c".
	return a.DedupKey == store.AlertKey(a.Host, a.Symptom, a.DetectedAt) && !strings.Contains(a.Symptom, "|")
}

// asStored returns an alert read from a file in its stored form. The predecessor wrote
// the raw host name into the commands of a fix, so the name is quoted there too.
func asStored(a store.Alert) store.Alert {
	name := store.StoredAlertsName(a.Host)
	if ofSubject(a) {
		name = a.Host
	}
	a.SuggestedFix = visible.Escape(strings.Replace(a.SuggestedFix, "On "+a.Host+":", "On "+shellword.InText(store.RawName(name))+":", 1))
	a.Host, a.Symptom, a.Detail = name, visible.Escape(a.Symptom), visible.Escape(a.Detail)
	return a
}

// ofSubject reports whether an alert read from a file is about the receiver or a group of
// hosts. The predecessor knew neither, so its alerts are about a host of that name.
func ofSubject(a store.Alert) bool {
	own := a.Host == store.SubjectReceiver || a.Host == store.SubjectGroup
	return own && !slices.Contains([]string{"silent", "fatal-only", "unstamped"}, a.Symptom)
}

// AlertJSON returns the line of alerts.jsonl for an alert, with its newline. The line is
// ASCII and has the spaces of Python's json, so that existing greps still work.
func AlertJSON(a store.Alert) string {
	var b strings.Builder
	for i, m := range [][2]string{{"host", store.AlertsName(a.Host)}, {"symptom", a.Symptom}, {"detail", a.Detail},
		{"suggested_fix", a.SuggestedFix}, {"detected_at_wall", isotime.Format(a.DetectedAt)}, {"dedup_key", a.DedupKey}} {
		b.WriteString([]string{`{"`, `, "`}[min(i, 1)] + m[0] + `": `)
		quoteASCII(&b, m[1])
	}
	return b.String() + "}\n"
}

// readAlerts calls found for each alert after an offset in a file. It returns the offset
// at which the last whole line ends. A last line without a newline counts as whole,
// unless it may be a torn alert. Its end is one byte after the end of the file, because
// the caller must still write the newline.
func readAlerts(f io.ReaderAt, offset int64, found func(store.Alert) error) (whole int64, err error) {
	lines := bufio.NewReaderSize(io.NewSectionReader(f, offset, 1<<62), maxAlertLine+1)
	for whole = offset; ; {
		line, length, err := nextLine(lines)
		last := errors.Is(err, io.EOF)
		if err != nil && !last {
			return 0, err
		}
		a, ok := parseAlert(bytes.TrimSuffix(line, []byte("\n")))
		if last && !ok && (length == 0 || tornAlert(line)) {
			return whole, nil
		}
		if ok {
			if err := found(a); err != nil {
				return 0, err
			}
		}
		whole += length
		if last {
			return whole + 1, nil
		}
	}
}

// nextLine returns a line with its newline, and its length in bytes. The line is nil if
// it is too long for an alert. The error is io.EOF at the last line.
func nextLine(lines *bufio.Reader) (line []byte, length int64, err error) {
	line, err = lines.ReadSlice('\n')
	length = int64(len(line))
	for errors.Is(err, bufio.ErrBufferFull) {
		line, err = lines.ReadSlice('\n')
		length += int64(len(line))
		line = nil
	}
	return line, length, err
}

// tornAlert reports whether a line without a newline may be the first part of an alert.
func tornAlert(line []byte) bool {
	const start = `{"host": `
	return line != nil && (bytes.HasPrefix(line, []byte(start)) || bytes.HasPrefix([]byte(start), line))
}
