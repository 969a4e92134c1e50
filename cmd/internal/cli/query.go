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
	"github.com/cis490/fleet-health/store/isotime"
	"github.com/cis490/fleet-health/store/sandbox"
	"github.com/spf13/cobra"
)

// queryMemory is the number of bytes by which a query may make the program grow. It may
// run beside the receiver on a machine with 512 MiB.
const queryMemory = 192 << 20

// maxSQL is the greatest length of SQL that is read from a file, in bytes. It is SQLite's
// own limit.
const maxSQL = 1_000_000

type queryOptions struct {
	reading
	args    []string               // SQL, or the name of a saved question
	given   func(flag string) bool // reports whether a flag was typed
	file    string
	list    bool
	params  []string
	timeout time.Duration
}

func queryCommand(e *Env) *cobra.Command {
	var o queryOptions
	cmd := &cobra.Command{
		Use:   "query [SQL | NAME]",
		Short: "answer a question in SQL, or a saved one by its NAME; read-only",
		Long: `Run one SQL statement or a saved question, and show its rows. --list shows the saved
questions, and the command schema shows the views that SQL can read. The database is
opened read-only: no statement can write to it or make a file. A pass may run
meanwhile.

In the SQL, :since and :until are the times of the flags --since and --until, as text
like 2026-05-01T10:00:00.000000Z. --param gives the values of other :names. A value
is a number if it is written as SQLite writes numbers, and text otherwise.

A table is laid out in parts of about half a megabyte. The first part decides which
columns the terminal has room for. If a later part has a wider value, its column is
wider from there on. Tables and markdown show at most 1,000 columns of a value; CSV
and JSON show all of it.`,
		Example: `  cis490-fleet-health query failing --since 2h
  cis490-fleet-health query "SELECT host, COUNT(*) AS ships FROM ship_log WHERE received_at >= :since GROUP BY host"
  cis490-fleet-health query host --param host=lab-07 --format csv`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return fmt.Errorf("%w: it takes one argument: put SQL in quotes, and give parameters with --param", errUsage)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			o.args, o.given = args, cmd.Flags().Changed
			return runQuery(cmd.Context(), &o, e)
		},
		ValidArgsFunction: completeQueries,
	}
	o.flags(cmd)
	return cmd
}

func (o *queryOptions) flags(cmd *cobra.Command) {
	o.reading.flags(cmd, "24h")
	f := cmd.Flags()
	f.StringVar(&o.file, "file", "", "a `FILE` to read the SQL from; - is standard input")
	f.BoolVar(&o.list, "list", false, "list the saved questions")
	f.StringArrayVar(&o.params, "param", nil, "the value of a parameter of the SQL: `NAME=VALUE`, once for each")
	f.DurationVar(&o.timeout, "timeout", 10*time.Second, "time after which the query gives up, even if nobody reads the answer; 0 for never")
}

// runQuery runs one statement, and prints its rows.
func runQuery(ctx context.Context, o *queryOptions, e *Env) error {
	style, err := o.style(e)
	if err != nil {
		return err
	}
	if o.timeout < 0 {
		return fmt.Errorf("%w: --timeout %s is negative", errUsage, o.timeout)
	}
	text, err := o.text(e)
	if err != nil {
		return err
	}
	if o.list {
		return listQueries(e, style)
	}
	statement, err := sandbox.ParseStatement(text)
	if err != nil {
		return err
	}
	values, err := o.values(e, statement.Params)
	if err != nil {
		return err
	}
	if err := o.sayPruned(ctx, e, text, values["since"]); err != nil {
		return err
	}
	return o.ask(ctx, e, style, sandbox.Query{Statement: statement, Args: values, Memory: queryMemory})
}

// text returns the SQL: typed, from a file, or saved. It is empty for --list.
func (o *queryOptions) text(e *Env) (string, error) {
	switch {
	case len(o.args) == 0 && o.file == "" && !o.list:
		return "", fmt.Errorf("%w: there is no SQL: type some, name a saved question (--list shows them), or a --file", errUsage)
	case len(o.args) == 1 && (o.file != "" || o.list) || o.file != "" && o.list:
		return "", fmt.Errorf("%w: SQL or a NAME, --file and --list exclude one another", errUsage)
	case o.list:
		return "", nil
	case o.file != "":
		return readSQL(e, o.file)
	}
	return savedOr(o.args[0])
}

// readSQL reads SQL from a file, or from standard input.
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

// oneWord matches a text that could be the name of a saved question. No SQL that reads
// anything is one word.
var oneWord = regexp.MustCompile(`^[\pL\d_.-]+$`)

// savedOr returns the SQL of the saved question with that name, or else the text itself.
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
		return "", fmt.Errorf("%w: %s is neither a saved question (--list shows them) nor SQL%s", errUsage, cell(text), didYouMean(nearest(text, names, 3)))
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

// sayPruned says so if a statement reads raw rows from before the horizon.
func (o *queryOptions) sayPruned(ctx context.Context, e *Env, text string, since any) error {
	asked, _ := since.(string)
	from, err := time.Parse(time.RFC3339, asked)
	if err != nil || !rawViews.MatchString(text) {
		return nil
	}
	return o.view(ctx, func(tx *store.Tx) error {
		kept, err := tx.RawSince()
		if err == nil && from.UnixMicro() < kept {
			e.log.Info(fmt.Sprintf("ship_log, put_log and rejection_log begin at %s: for the time before, host_hourly has the counts",
				isotime.Format(kept)))
		}
		return err
	})
}

// rawViews matches the views whose rows are pruned.
var rawViews = regexp.MustCompile(`(?i)\b(ship|put|rejection)_log\b`)

// ask prints the rows as they come.
func (o *queryOptions) ask(ctx context.Context, e *Env, style report.Style, q sandbox.Query) error {
	limited, cancel := ctx, context.CancelFunc(func() {})
	if o.timeout > 0 {
		limited, cancel = context.WithTimeout(ctx, o.timeout)
	}
	defer cancel()
	var out *report.Answer
	err := q.Run(limited, o.db, func(names []string) (err error) {
		out, err = report.NewAnswer(until{limited, e.Stdout}, style, names)
		return err
	}, func(values []any) error { return out.Row(values) })
	if err == nil {
		err = out.End()
	}
	if errors.Is(err, errNotRead) { // perhaps nobody reads standard error, either
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
		return fmt.Errorf("the answer was not read to its end within --timeout %s: quit the pager, write the answer to a file, or set a longer --timeout", o.timeout)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("no answer within --timeout %s: read less time, with a condition on a column that ends in _us, or set a longer --timeout", o.timeout)
	case errors.Is(err, sandbox.ErrMemory):
		return fmt.Errorf("%w: ask for less, or sort less", err)
	case errors.Is(err, sandbox.ErrWrites):
		return err
	case errors.Is(err, sandbox.ErrQuery):
		return fmt.Errorf("%w; `cis490-fleet-health schema` lists the views and their columns", err)
	}
	return beforeFirstPass(ctx, o.db, err)
}
