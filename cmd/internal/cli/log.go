package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"syscall"

	"github.com/cis490/fleet-health/store/visible"
)

// levels are the values of --log-level.
var levels = map[string]slog.Level{"error": slog.LevelError, "warning": slog.LevelWarn, "warn": slog.LevelWarn,
	"info": slog.LevelInfo, "debug": slog.LevelDebug}

// Levels of lines that are no ordinary messages.
const (
	// levelProgress: on a terminal the next line takes its place; elsewhere it is
	// one of slog.LevelInfo.
	levelProgress = slog.LevelInfo + 1
	// levelNotice: what is over. journalctl -p notice shows it with what needs a person.
	levelNotice = slog.LevelInfo + 2
	// levelAnswer: the error of a command that a person typed. It has no time.
	levelAnswer = slog.LevelError + 1
)

// lineHandler writes each message to standard error as one line: with a priority if
// it goes to the journal, with a time and a level elsewhere. A process has one: only
// the handler that wrote a line of progress can clear it.
type lineHandler struct {
	e        *Env
	journal  bool // standard error is the journal
	terminal bool // standard error is a terminal

	mu       sync.Mutex
	progress bool // the last line is one of progress
}

// startLog gives the process its log, at slog.LevelInfo.
func (e *Env) startLog() {
	e.level = new(slog.LevelVar)
	e.log = slog.New(&lineHandler{e: e, journal: toJournal(e), terminal: isTerminal(e.Stderr)})
}

// toJournal reports whether standard error is the stream that JOURNAL_STREAM names.
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

func (h *lineHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= h.e.level.Level()
}

// WithAttrs returns h: messages have no attributes.
func (h *lineHandler) WithAttrs([]slog.Attr) slog.Handler { return h }

// WithGroup returns h: messages have no groups.
func (h *lineHandler) WithGroup(string) slog.Handler { return h }

// Handle escapes the message: a line break would let a host's name begin a line with
// a priority of its own.
func (h *lineHandler) Handle(_ context.Context, r slog.Record) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	line := visible.Escape(r.Message)
	if h.terminal && r.Level == levelProgress {
		h.progress = true
		_, err := fmt.Fprintf(h.e.Stderr, "\r%s\x1b[K", line)
		return err
	}
	line = h.prefix(r.Level) + line + "\n"
	if h.progress {
		line = "\r\x1b[K" + line
		h.progress = false
	}
	_, err := io.WriteString(h.e.Stderr, line)
	return err
}

// prefix begins a line of a level.
func (h *lineHandler) prefix(level slog.Level) string {
	priority, name := syslogLevel(level)
	switch {
	case h.journal:
		return fmt.Sprintf("<%d>", priority)
	case level == levelAnswer:
		return "error: "
	}
	return h.e.Now().UTC().Format("2006-01-02 15:04:05Z") + " " + name + " "
}

// syslogLevel returns the number of a level in syslog, and its name here.
func syslogLevel(level slog.Level) (priority int, name string) {
	switch {
	case level >= slog.LevelError:
		return 3, "ERROR"
	case level >= slog.LevelWarn:
		return 4, "WARNING"
	case level >= levelNotice:
		return 5, "NOTICE"
	case level >= slog.LevelInfo:
		return 6, "INFO"
	}
	return 7, "DEBUG"
}
