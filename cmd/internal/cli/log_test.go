package cli

import (
	"bytes"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestTheFormsOfALog compares the same messages in each kind of log.
func TestTheFormsOfALog(t *testing.T) {
	t.Parallel()
	noon := func() time.Time { return time.Date(2026, 5, 1, 14, 0, 0, 0, time.FixedZone("CEST", 2*3600)) }
	for name, c := range map[string]struct {
		handler *lineHandler
		level   slog.Level
		want    string
	}{
		"the journal gets priorities": {&lineHandler{journal: true}, slog.LevelInfo,
			"<6>index: 10 lines\n<6>index: 20 lines\n<4>two\\n<0>lines\n<3>no \\x1b[2J room\n<3>no such\\nfile\n"},
		"other logs get times, in UTC, and levels": {&lineHandler{}, slog.LevelInfo,
			"2026-05-01 12:00:00Z INFO index: 10 lines\n2026-05-01 12:00:00Z INFO index: 20 lines\n" +
				"2026-05-01 12:00:00Z WARNING two\\n<0>lines\n2026-05-01 12:00:00Z ERROR no \\x1b[2J room\nerror: no such\\nfile\n"},
		"progress on a terminal takes one line, which the next message clears": {&lineHandler{terminal: true}, slog.LevelInfo,
			"\rindex: 10 lines\x1b[K\rindex: 20 lines\x1b[K\r\x1b[K2026-05-01 12:00:00Z WARNING two\\n<0>lines\n" +
				"2026-05-01 12:00:00Z ERROR no \\x1b[2J room\nerror: no such\\nfile\n"},
		"at the level of warnings there is no progress": {&lineHandler{terminal: true}, slog.LevelWarn,
			"2026-05-01 12:00:00Z WARNING two\\n<0>lines\n2026-05-01 12:00:00Z ERROR no \\x1b[2J room\nerror: no such\\nfile\n"},
		"at the level of errors there are no warnings": {&lineHandler{}, slog.LevelError,
			"2026-05-01 12:00:00Z ERROR no \\x1b[2J room\nerror: no such\\nfile\n"},
		"at the level of debug there is everything": {&lineHandler{journal: true}, slog.LevelDebug,
			"<7>detail\n<6>index: 10 lines\n<6>index: 20 lines\n<4>two\\n<0>lines\n<3>no \\x1b[2J room\n<3>no such\\nfile\n"},
	} {
		var got bytes.Buffer
		e := &Env{Stderr: &got, Now: noon, level: new(slog.LevelVar)}
		e.level.Set(c.level)
		c.handler.e = e
		log := slog.New(c.handler)
		log.Debug("detail")
		log.Log(t.Context(), levelProgress, "index: 10 lines")
		log.Log(t.Context(), levelProgress, "index: 20 lines")
		log.Warn("two\n<0>lines")
		log.Error("no \x1b[2J room")
		log.Log(t.Context(), levelAnswer, "no such\nfile")
		if diff := cmp.Diff(c.want, got.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
