package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"time"

	"github.com/cis490/fleet-health/deploy"
	"github.com/cis490/fleet-health/report"
	"github.com/cis490/fleet-health/store"
	"github.com/spf13/cobra"
)

// queryMemory is by how many bytes a query may make the program grow: it may
// run beside the receiver on a machine with 512 MiB.
const queryMemory = 192 << 20

// maxSQL is the length in bytes of the longest SQL that is read from a file,
// which is that which SQLite takes.
const maxSQL = 1_000_000

// asking is what the command line of query says.
type asking struct {
	reading
	file    string
	list    bool
	params  []string
	timeout time.Duration
}

func queryCommand(e *Env) *cobra.Command {
	var a asking
	cmd := &cobra.Command{
		Use:   "query [SQL | NAME]",
		Short: "answer a question in SQL, or a saved one by its NAME; it cannot but read",
		Long: `Run one SQL statement on the database and show what it returns; or a saved question:
--list has their names. Whatever is typed, it reads, beside a running pass: it
writes to no database and makes no file. The command schema has the views to ask.

In the SQL, :since and :until are the times of the flags --since and --until, as
text like 2026-05-01T10:00:00.000000Z; what other :names stand for is given with
--param. A value of --param that is a number, written as SQLite writes it, is one.

A table is laid out a part at a time, of about half a megabyte: the first decides which
columns a terminal has room for, and a wider value of a later one widens its column
there. A value takes at most 1,000 columns of a table or of markdown; CSV and JSON
have all of it.`,
		Example: `  cis490-fleet-health query failing --since 2h
  cis490-fleet-health query "SELECT host, COUNT(*) AS ships FROM ship_log WHERE received_at >= :since GROUP BY host"
  cis490-fleet-health query host --param host=lab-07 --format csv`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return fmt.Errorf("%w: it takes one argument: put SQL in quotes, and what a question asks for behind --param", errUsage)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			style, err := a.style(e)
			if err != nil {
				return err
			}
			if a.timeout < 0 {
				return fmt.Errorf("%w: --timeout %s is negative", errUsage, a.timeout)
			}
			text, err := a.text(e, args)
			if err != nil {
				return err
			}
			if a.list {
				return listQueries(e, style)
			}
			statement, err := store.ParseStatement(text)
			if err != nil {
				return err
			}
			values, err := a.values(e, cmd, statement.Params)
			if err != nil {
				return err
			}
			if err := a.sayPruned(cmd.Context(), e, text, values["since"]); err != nil {
				return err
			}
			return a.run(cmd.Context(), e, style, store.Query{Statement: statement, Args: values, Memory: queryMemory})
		},
		ValidArgsFunction: completeQueries,
	}
	a.flags(cmd, "24h")
	f := cmd.Flags()
	f.StringVar(&a.file, "file", "", "read the SQL from this `FILE`; - is standard input")
	f.BoolVar(&a.list, "list", false, "list the saved questions")
	f.StringArrayVar(&a.params, "param", nil, "what a parameter of the SQL stands for: `NAME=VALUE`, once for each")
	f.DurationVar(&a.timeout, "timeout", 10*time.Second, "give up after so long, though nobody reads the answer; 0 for never")
	return cmd
}

// text is the SQL that is asked for: typed, read, or saved. It is empty for --list.
func (a *asking) text(e *Env, args []string) (string, error) {
	switch {
	case len(args) == 0 && a.file == "" && !a.list:
		return "", fmt.Errorf("%w: there is no SQL: type some, name a saved question (--list has them), or a --file", errUsage)
	case len(args) == 1 && (a.file != "" || a.list) || a.file != "" && a.list:
		return "", fmt.Errorf("%w: SQL or a NAME, --file and --list exclude one another", errUsage)
	case a.list:
		return "", nil
	case a.file != "":
		return readSQL(e, a.file)
	}
	return savedOr(args[0])
}

// readSQL reads a file, or standard input.
func readSQL(e *Env, path string) (string, error) {
	in := e.Stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return "", fmt.Errorf("%w: --file: %w", errUsage, err)
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxSQL+1))
	if err == nil && len(text) > maxSQL {
		err = fmt.Errorf("%s has more than %d bytes", path, maxSQL)
	}
	if err != nil {
		return "", fmt.Errorf("%w: --file: %w", errUsage, err)
	}
	return string(text), nil
}

// oneWord is what could be the name of a saved question, and is no SQL that
// reads anything.
var oneWord = regexp.MustCompile(`^[\pL\d_.-]+$`)

// savedOr is the saved question of that name, or else the text itself.
func savedOr(text string) (string, error) {
	saved, err := deploy.Queries()
	if err != nil {
		return "", err
	}
	var names []string
	for _, q := range saved {
		if q.Name == text {
			return q.Text, nil
		}
		names = append(names, q.Name)
	}
	if oneWord.MatchString(text) {
		return "", fmt.Errorf("%w: %s is no saved question (--list has them), nor SQL%s", errUsage, cell(text), didYouMean(nearest(text, names, 3)))
	}
	return text, nil
}

func listQueries(e *Env, style report.Style) error {
	saved, err := deploy.Queries()
	if err != nil {
		return err
	}
	out, err := report.NewAnswer(e.Stdout, style, []string{"name", "question"})
	if err != nil {
		return err
	}
	for _, q := range saved {
		if err := out.Row([]any{q.Name, q.About}); err != nil {
			return err
		}
	}
	return out.End()
}

func completeQueries(*cobra.Command, []string, string) (names []string, _ cobra.ShellCompDirective) {
	saved, err := deploy.Queries()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError | cobra.ShellCompDirectiveNoFileComp
	}
	for _, q := range saved {
		names = append(names, q.Name+"\t"+q.About)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// sayPruned says that a question asks raw rows of a time of which they are gone.
func (a *asking) sayPruned(ctx context.Context, e *Env, text string, since any) error {
	asked, _ := since.(string)
	from, err := time.Parse(time.RFC3339, asked)
	if err != nil || !rawViews.MatchString(text) {
		return nil // of no time
	}
	return a.view(ctx, func(tx *store.Tx) error {
		kept, err := tx.RawSince()
		if err == nil && from.UnixMicro() < kept {
			newLogger(e, levelInfo).say(levelInfo, "ship_log, put_log and rejection_log begin at %s: of the time before, host_hourly has what was counted",
				store.FormatTime(kept))
		}
		return err
	})
}

// rawViews are those whose rows are pruned.
var rawViews = regexp.MustCompile(`(?i)\b(ship|put|rejection)_log\b`)

// run asks, and writes the answer as it comes.
func (a *asking) run(ctx context.Context, e *Env, style report.Style, q store.Query) error {
	limited, cancel := ctx, context.CancelFunc(func() {})
	if a.timeout > 0 {
		limited, cancel = context.WithTimeout(ctx, a.timeout)
	}
	defer cancel()
	var out *report.Answer
	err := q.Run(limited, a.db, func(names []string) (err error) {
		out, err = report.NewAnswer(until{limited, e.Stdout}, style, names)
		return err
	}, func(values []any) error { return out.Row(values) })
	if err == nil {
		err = out.End()
	}
	if errors.Is(err, errNotRead) { // nor is standard error, perhaps
		soon, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		context.AfterFunc(soon, cancel)
		e.Stderr = until{soon, e.Stderr}
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return errors.New("stopped by a signal")
	case errors.Is(err, errNotRead):
		return fmt.Errorf("the answer was not read to its end within --timeout %s: quit the pager, write the answer to a file, or give it longer", a.timeout)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("no answer within --timeout %s: ask for less of the time, with a condition on a column that ends in _us, or give it longer", a.timeout)
	case errors.Is(err, store.ErrMemory):
		return fmt.Errorf("%w: ask for less, or sort less", err)
	case errors.Is(err, store.ErrWrites):
		return err
	case errors.Is(err, store.ErrQuery):
		return fmt.Errorf("%w; `cis490-fleet-health schema` has the views and their columns", err)
	}
	return err
}
