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

// sayError writes the error of a command, unless the command has logged it: to the log,
// or for the person who typed the command.
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

// cell quotes a host's name or another value from outside for a line, unless it is one
// word. A name that is stored in quotes stays as it is.
func cell(s string) string {
	shown := report.Cell(s)
	if strings.ContainsAny(shown, ` "`) && !inQuotes(shown) {
		return visible.Quote(s)
	}
	return shown
}

// inQuotes reports whether visible.Quote wrote a text.
func inQuotes(s string) bool {
	raw := store.RawName(s)
	return raw != s && visible.Quote(raw) == s
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// describe returns the text of an error, with the way out if there is one.
func describe(err error) string {
	text := strings.TrimSuffix(err.Error(), "\n")
	var denied *fs.PathError
	switch {
	case errors.Is(err, store.ErrCorrupt):
		text += "; `cis490-fleet-health rebuild` with the flags of the pass moves it aside and reads the index and the journal again"
	case errors.Is(err, store.ErrForeign):
		text += "; name another file with --db"
	case errors.Is(err, store.ErrFull) || errors.Is(err, syscall.ENOSPC):
		text += "; make room, and run it again: a pass goes on from where the last one stopped"
	case errors.Is(err, store.ErrDisk) || errors.Is(err, syscall.EIO) || errors.Is(err, syscall.EROFS):
		text += "; see `df` and `dmesg`; nothing stored is lost, and the next pass goes on from there"
	case errors.Is(err, store.ErrLocked):
		text += "; end the sqlite3 session that wrote to it (use sqlite3 -readonly); the next pass reads what this one missed"
	case errors.Is(err, ingest.ErrUnread) && errors.As(err, &denied) && errors.Is(denied, fs.ErrPermission):
		text += fileowner.Clause(denied.Path)
	}
	return text
}
