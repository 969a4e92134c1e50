package cli

import (
	"bytes"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestTheFormsOfALog compares what a pass might say with what each kind of log has of it.
func TestTheFormsOfALog(t *testing.T) {
	t.Parallel()
	noon := func() time.Time { return time.Date(2026, 5, 1, 14, 0, 0, 0, time.FixedZone("CEST", 2*3600)) }
	for name, c := range map[string]struct {
		handler *lineHandler
		want    string
	}{
		"the journal is told priorities": {&lineHandler{journal: true},
			"<6>index: 10 lines\n<6>index: 20 lines\n<4>two\\n<0>lines\n<3>no \\x1b[2J room\n"},
		"other logs are told times, in UTC, and levels": {&lineHandler{},
			"2026-05-01 12:00:00Z INFO index: 10 lines\n2026-05-01 12:00:00Z INFO index: 20 lines\n" +
				"2026-05-01 12:00:00Z WARNING two\\n<0>lines\n2026-05-01 12:00:00Z ERROR no \\x1b[2J room\n"},
		"progress on a terminal stands in one line, which the next message takes": {&lineHandler{terminal: true},
			"\rindex: 10 lines\x1b[K\rindex: 20 lines\x1b[K\r\x1b[K2026-05-01 12:00:00Z WARNING two\\n<0>lines\n" +
				"2026-05-01 12:00:00Z ERROR no \\x1b[2J room\n"},
		"who asks for warnings sees no progress": {&lineHandler{terminal: true, level: slog.LevelWarn},
			"2026-05-01 12:00:00Z WARNING two\\n<0>lines\n2026-05-01 12:00:00Z ERROR no \\x1b[2J room\n"},
		"who asks for errors sees no warnings": {&lineHandler{level: slog.LevelError},
			"2026-05-01 12:00:00Z ERROR no \\x1b[2J room\n"},
		"who asks for all sees details": {&lineHandler{journal: true, level: slog.LevelDebug},
			"<7>detail\n<6>index: 10 lines\n<6>index: 20 lines\n<4>two\\n<0>lines\n<3>no \\x1b[2J room\n"},
	} {
		var got bytes.Buffer
		c.handler.w, c.handler.now = &got, noon
		log := slog.New(c.handler)
		log.Debug("detail")
		log.Log(t.Context(), levelProgress, "index: 10 lines")
		log.Log(t.Context(), levelProgress, "index: 20 lines")
		log.Warn("two\n<0>lines")
		log.Error("no \x1b[2J room")
		if diff := cmp.Diff(c.want, got.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
