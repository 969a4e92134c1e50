package cli

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/cis490/fleet-health/store"
	"github.com/cis490/fleet-health/store/fileowner"
	"github.com/cis490/fleet-health/store/shellword"
	"github.com/cis490/fleet-health/store/visible"
	"github.com/spf13/cobra"
)

// maxNote is the largest number of bytes of --note. It fits on a screen.
const maxNote = 500

// acting has the options of the commands with which operators decide what is said.
type acting struct {
	reading // only db and now
	note    string
	length  string        // --for; "" for none
	at      int64         // microseconds
	until   sql.NullInt64 // the end of --for, in microseconds
}

// operatorHelp ends the help of these commands.
const operatorHelp = `

Who did it, when and why is kept in the view operator_log. If a pass is running, the
command waits up to a minute for it to end. Only the service user may do this: put
` + "`sudo -u cis490-fleet-health`" + ` before the command. The login name from before sudo is kept.`

func (o *acting) flags(cmd *cobra.Command) {
	cmd.Long += operatorHelp
	f := cmd.Flags()
	f.StringVar(&o.db, "db", defaultDB, "the database")
	f.StringVar(&o.note, "note", "", "the reason, a `TEXT` of at most 500 bytes")
	f.StringVar(&o.now, "now", "", "act as of this `RFC3339` time instead of the clock's")
}

// check parses the flags. undo is the command that ends what --for limits.
func (o *acting) check(e *Env, undo string) (err error) {
	if o.at, err = parseNow(o.now, e); err != nil {
		return err
	}
	if len(o.note) > maxNote {
		return fmt.Errorf("%w: --note has %d bytes: shorten it to %d", errUsage, len(o.note), maxNote)
	}
	if o.length == "" {
		return nil
	}
	length, ok := parseLength(o.length)
	switch {
	case ok && length > 0:
		o.until = given(min(o.at+length, store.MaxTime))
		return nil
	case ok || strings.Trim(o.length, "0") == "":
		return fmt.Errorf("%w: --for %s is no time at all; to end it now, run `cis490-fleet-health %s`", errUsage, cell(o.length), undo)
	}
	return fmt.Errorf("%w: --for %q is not a length of time: say 90m, 4h or 2d", errUsage, o.length)
}

// act runs do in one transaction, while no pass runs. do completes the act, which is then
// stored, and returns what to say. It leaves act.Act empty if it changed nothing.
func (o *acting) act(ctx context.Context, e *Env, do func(tx *store.Tx, act *store.Act) (said string, err error)) error {
	if err := o.lookForDatabase(ctx); err != nil {
		return err
	}
	said := ""
	err := underLock(ctx, e, o.db, func(s *store.Store) error {
		return s.Update(ctx, func(tx *store.Tx) (err error) {
			act := store.Act{At: o.at, UntilAt: o.until, Who: operator(e), Note: visible.Escape(o.note)}
			if said, err = do(tx, &act); err != nil || act.Act == "" {
				return err
			}
			return tx.AddAct(act)
		})
	})
	if err == nil {
		_, err = fmt.Fprintln(e.Stdout, said)
	}
	return err
}

// onHost is act for a typed host. set changes the settings of the host.
func (o *acting) onHost(ctx context.Context, e *Env, typed string, set func(tx *store.Tx, h *store.HostSettings, act *store.Act) (said string, err error)) error {
	return o.act(ctx, e, func(tx *store.Tx, act *store.Act) (string, error) {
		known, err := knownHosts(tx, []string{typed})
		if err != nil {
			return "", err
		}
		act.Host = sql.NullString{String: known[0], Valid: true}
		h, err := tx.HostSettings(known[0])
		if err != nil {
			return "", err
		}
		said, err := set(tx, &h, act)
		if err == nil && act.Act != "" {
			err = tx.SetHost(known[0], h)
		}
		return said, err
	})
}

// lookForDatabase returns an error with the way out if there is no database, or none that
// this user may see.
func (o *acting) lookForDatabase(ctx context.Context) error {
	_, err := os.Stat(o.db)
	switch {
	case errors.Is(err, fs.ErrPermission):
		owner, _ := fileowner.Names(filepath.Dir(o.db))
		return fmt.Errorf("%w: %w; put `sudo -u %s` before the command", store.ErrPath, err, shellword.Quote(cmp.Or(owner, "cis490-fleet-health")))
	case errors.Is(err, fs.ErrNotExist) || err == nil && sizeOf(o.db) == 0:
		return beforeFirstPass(ctx, o.db, fmt.Errorf("--db %s: %w", cell(o.db), store.ErrPath))
	}
	return nil
}

// operator returns the login name of the person who typed the command: the one who called
// sudo, or else the user of the process.
func operator(e *Env) string {
	name := e.Getenv("SUDO_USER")
	if name == "" {
		uid := strconv.Itoa(os.Getuid())
		name = "#" + uid
		if u, err := user.LookupId(uid); err == nil {
			name = u.Username
		}
	}
	return visible.EscapeUpTo(name, 255)
}

// given returns a value that is not NULL.
func given(at int64) sql.NullInt64 { return sql.NullInt64{Int64: at, Valid: true} }

// givenText is given for a text.
func givenText(text string) sql.NullString { return sql.NullString{String: text, Valid: true} }

// moment writes a time in microseconds for a sentence.
func moment(at int64) string { return time.UnixMicro(at).UTC().Format("2006-01-02 15:04:05 MST") }

// toUndo returns the end of a sentence that says how to undo an act. more are further arguments.
func toUndo(command string, of string, more ...string) string {
	word := shellword.Quote(of)
	if strings.HasPrefix(of, "-") {
		word = "-- " + word // not a flag
	}
	return "; to undo this, run `cis490-fleet-health " + strings.Join(append([]string{command, word}, more...), " ") + "`"
}
