package cli

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/cis490/fleet-health/detect"
	"github.com/cis490/fleet-health/report"
	"github.com/cis490/fleet-health/store"
	"github.com/cis490/fleet-health/store/visible"
	"github.com/spf13/cobra"
)

type statusOptions struct {
	reading
	index, maxAgeText string
	check             bool
}

func statusCommand(e *Env) *cobra.Command {
	var o statusOptions
	cmd := &cobra.Command{
		Use:   "status",
		Short: "show the health of the program itself: passes, positions, gaps, sizes",
		Long: `Show the health of the program itself: its passes, the detectors that are held back
and why, the position in each source and the age of its newest fact, gaps, quarantined
lines, and sizes. --since and --until choose the passes and gaps.

The first line says whether passes succeed. They have stopped if none succeeded within
--max-age, or if a detector has been held back for more than 30 minutes. A receiver
that is down or failing stands there, too. --check prints that line alone, and exits
with 1 if passes have stopped or the receiver is in trouble, 2 if there is no database.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runStatus(cmd.Context(), &o, e)
		},
	}
	o.flags(cmd)
	return cmd
}

func (o *statusOptions) flags(cmd *cobra.Command) {
	o.reading.flags(cmd, "24h")
	cmd.Flags().BoolVar(&o.check, "check", false, "print only the first line, and exit with 1 if passes or detectors have stopped, or the receiver is in trouble")
	cmd.Flags().StringVar(&o.maxAgeText, "max-age", "15m", "longest time without a pass that succeeded")
	cmd.Flags().StringVar(&o.index, "index-path", defaultIndex, "the receiver's index, to show how much of it is unread")
}

// runStatus prints the health of the program itself.
func runStatus(ctx context.Context, o *statusOptions, e *Env) error {
	style, w, err := o.asked(e)
	if err != nil {
		return err
	}
	maxAge, ok := parseLength(o.maxAgeText)
	if !ok {
		return fmt.Errorf("%w: --max-age %q is not a length of time like 15m", errUsage, o.maxAgeText)
	}
	if o.check {
		return printCheck(ctx, &o.reading, e, func(tx *store.Tx) (string, bool, error) {
			return report.Health(tx, w.Until, maxAge, detect.Outages())
		})
	}
	return o.view(ctx, func(tx *store.Tx) error {
		if _, ok, err := tx.LastPass(); err != nil {
			return err
		} else if !ok {
			e.log.Warn(noPassYet(ctx, o.db))
		}
		return report.Status(tx, e.Stdout, style, w, report.StatusOptions{MaxAge: maxAge, Outages: detect.Outages(), IndexBytes: sizeOf(o.index)})
	})
}

// printCheck prints the line of a check, which is unknown if the database cannot be read. It
// goes to standard output, because monitors read nothing else. A problem is errSaid.
func printCheck(ctx context.Context, r *reading, e *Env, check func(*store.Tx) (line string, problem bool, err error)) error {
	var line string
	var problem bool
	err := r.view(ctx, func(tx *store.Tx) (err error) {
		line, problem, err = check(tx)
		return err
	})
	if err != nil {
		line = "unknown: " + visible.Escape(describe(err))
	}
	if _, failed := io.WriteString(e.Stdout, line+"\n"); failed != nil && err == nil {
		err = failed
	}
	if err == nil && problem {
		err = errSaid
	}
	return err
}

// sizeOf returns the size of a regular file in bytes; -1 if it is unknown.
func sizeOf(path string) int64 {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return -1
	}
	return info.Size()
}
