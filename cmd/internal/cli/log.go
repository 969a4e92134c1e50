package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/cis490/fleet-health/store/visible"
)

// levels are the values of --log-level.
var levels = map[string]slog.Level{"error": slog.LevelError, "warning": slog.LevelWarn, "warn": slog.LevelWarn,
	"info": slog.LevelInfo, "debug": slog.LevelDebug}

// levelProgress is the level of a line about progress. On a terminal the next line
// takes its place; elsewhere it is one of slog.LevelInfo.
const levelProgress = slog.LevelInfo + 1

// lineHandler writes each message as one line: with a priority if it goes to the
// journal, with a time and a level elsewhere.
type lineHandler struct {
	w        io.Writer
	now      func() time.Time
	level    slog.Level
	journal  bool // w is the journal
	terminal bool // w is a terminal

	mu       sync.Mutex
	progress bool // the last line is one of progress
}

func newLogger(e *Env, level slog.Level) *slog.Logger {
	return slog.New(&lineHandler{w: e.Stderr, now: e.Now, level: level, journal: toJournal(e), terminal: isTerminal(e.Stderr)})
}

// toJournal reports whether stderr is the stream that JOURNAL_STREAM names.
func toJournal(e *Env) bool {
	f, ok := e.Stderr.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	if err != nil {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && e.Getenv("JOURNAL_STREAM") == fmt.Sprintf("%d:%d", stat.Dev, stat.Ino)
}

func (h *lineHandler) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level }

// WithAttrs returns h: a message says in words all there is to say.
func (h *lineHandler) WithAttrs([]slog.Attr) slog.Handler { return h }

// WithGroup returns h, as WithAttrs does.
func (h *lineHandler) WithGroup(string) slog.Handler { return h }

func (h *lineHandler) Handle(_ context.Context, r slog.Record) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	// A line break would let a host's name begin a line of its own, with a priority of
	// its own.
	line := visible.Escape(r.Message)
	if h.terminal && r.Level == levelProgress {
		h.progress = true
		_, err := fmt.Fprintf(h.w, "\r%s\x1b[K", line)
		return err
	}
	priority, name := syslogLevel(r.Level)
	if h.journal {
		line = fmt.Sprintf("<%d>%s\n", priority, line)
	} else {
		line = fmt.Sprintf("%s %s %s\n", h.now().UTC().Format("2006-01-02 15:04:05Z"), name, line)
	}
	if h.progress {
		line = "\r\x1b[K" + line
		h.progress = false
	}
	_, err := io.WriteString(h.w, line)
	return err
}

// syslogLevel returns the number of a level in syslog, and its name here.
func syslogLevel(level slog.Level) (priority int, name string) {
	switch {
	case level >= slog.LevelError:
		return 3, "ERROR"
	case level >= slog.LevelWarn:
		return 4, "WARNING"
	case level >= slog.LevelInfo:
		return 6, "INFO"
	}
	return 7, "DEBUG"
}
