package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/cis490/fleet-health/store"
)

// FuzzAlertsTail reads arbitrary bytes as an alerts file. Reading the whole lines again
// gives the same alerts, and an alert that is appended after them is found.
func FuzzAlertsTail(f *testing.F) {
	line := AlertJSON(store.Alert{Host: "lab-1", Symptom: "silent", DetectedAt: 1, DedupKey: "0123456789abcdef"})
	for _, seed := range []string{"", "\n", line, line + line[:30], strings.TrimSuffix(line, "\n"), "\xef\xbb\xbf" + line, "[]\n" + line,
		line + strings.Repeat("x", maxAlertLine+5), strings.Repeat("y", maxAlertLine) + "\n" + line, `{"dedup_key":"k","detected_at_wall":"2026-05-01"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		read := func(content []byte) (whole int64, found []store.Alert) {
			whole, err := readAlerts(bytes.NewReader(content), 0, func(a store.Alert) error { found = append(found, a); return nil })
			if err != nil {
				t.Fatal(err)
			}
			return whole, found
		}
		whole, found := read(content)
		switch {
		case whole == int64(len(content))+1:
			content = append(bytes.Clone(content), '\n')
		case whole < 0 || whole > int64(len(content)) || whole > 0 && content[whole-1] != '\n':
			t.Fatalf("%d of %d bytes are whole lines", whole, len(content))
		}
		if rest := content[whole:]; bytes.IndexByte(rest, '\n') >= 0 {
			t.Fatalf("a whole line was cut off: %q", rest)
		}
		again, same := read(append(bytes.Clone(content[:whole]), line...))
		if again != whole+int64(len(line)) || len(same) != len(found)+1 || same[len(found)].DedupKey != "0123456789abcdef" {
			t.Fatalf("read again with a line more: %d bytes, then %d; %d alerts, then %d", whole, again, len(found), len(same))
		}
		for i, a := range found {
			if a != same[i] || a.DedupKey == "" || a.DetectedAt <= 0 {
				t.Fatalf("alert %d is %+v, then %+v", i, a, same[i])
			}
		}
	})
}
