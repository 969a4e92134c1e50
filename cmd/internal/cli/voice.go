package cli

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"syscall"

	"github.com/cis490/fleet-health/ingest"
	"github.com/cis490/fleet-health/report"
	"github.com/cis490/fleet-health/store"
	"github.com/cis490/fleet-health/store/fileowner"
	"github.com/cis490/fleet-health/store/visible"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// writesLog is the annotation of a command whose errors belong to a log.
const writesLog = "log"

// sayError says how a command failed, unless it has said so itself: in its log, or to
// the person who typed it.
func sayError(e *Env, cmd *cobra.Command, err error) {
	if err == nil || errors.Is(err, errUnread) || errors.Is(err, errSaid) {
		return
	}
	level := levelAnswer
	if _, log := cmd.Annotations[writesLog]; log {
		level = slog.LevelError
	}
	e.log.Log(context.Background(), level, describe(err))
}

// cell is a host's name or another value from outside as a line shows it: one word,
// or in quotes. A name that is stored in quotes has them already.
func cell(s string) string {
	shown := report.Cell(s)
	if strings.ContainsAny(shown, ` "`) && !inQuotes(shown) {
		return visible.Quote(s)
	}
	return shown
}

// inQuotes reports whether a text is one that visible.Quote has written.
func inQuotes(s string) bool {
	raw := store.RawName(s)
	return raw != s && visible.Quote(raw) == s
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// describe adds the way out to errors that have one.
func describe(err error) string {
	text := strings.TrimSuffix(err.Error(), "\n")
	var denied *fs.PathError
	switch {
	case errors.Is(err, store.ErrCorrupt):
		text += "; `cis490-fleet-health rebuild` with the flags of the pass moves it aside and reads the index and the journal anew"
	case errors.Is(err, store.ErrForeign):
		text += "; name another file with --db"
	case errors.Is(err, store.ErrFull) || errors.Is(err, syscall.ENOSPC):
		text += "; make room, and run it again: a pass goes on from where the last one stopped"
	case errors.Is(err, store.ErrDisk) || errors.Is(err, syscall.EIO) || errors.Is(err, syscall.EROFS):
		text += "; `df` and `dmesg` tell what the disk has; what was stored before is not lost, and the next pass goes on from there"
	case errors.Is(err, store.ErrLocked):
		text += "; end the sqlite3 session that wrote to it (use sqlite3 -readonly); the next pass reads what this one missed"
	case errors.Is(err, ingest.ErrUnread) && errors.As(err, &denied) && errors.Is(denied, fs.ErrPermission):
		text += fileowner.Clause(denied.Path)
	}
	return text
}
