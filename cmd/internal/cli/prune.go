package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"github.com/cis490/fleet-health/store"
	"github.com/cis490/fleet-health/store/isotime"
	"github.com/spf13/cobra"
)

// youngest is the least age of rows that may be pruned by hand, in microseconds. The
// detectors and the report need the rows of a day, and a journal whose cursor is lost
// is read again from a day before.
const youngest = 24 * store.Hour

type pruneOptions struct {
	db, beforeText, logLevel string
	dryRun                   bool
	before                   int64 // microseconds, on the hour
	ago                      int64 // --before if it is a length of time, in microseconds; 0 if it is a date
	level                    slog.Level
}

func pruneCommand(e *Env) *cobra.Command {
	var o pruneOptions
	cmd := &cobra.Command{
		Use:   "prune --before TIME",
		Short: "delete old ships, PUTs and rejections, but keep their hourly counts",
		Long: `Delete the rows older than TIME, rounded down to the hour, and give the space back to
the disk. These rows go: ships, PUTs, rejections, gaps, quarantined lines, what the
receiver said, names that never shipped, and passes without an alert. These stay: the
hourly counts (the view host_hourly), the hosts that have shipped, the alerts, the
incidents of these hosts, and what operators did.

A pass does the same, a little at a time, by its --retention-days. If one is running,
prune waits up to a minute for it to end; --dry-run does not wait.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.check(e); err != nil {
				return err
			}
			e.level.Set(o.level)
			if o.dryRun {
				return dryPrune(cmd.Context(), &o, e)
			}
			return runPrune(cmd.Context(), &o, e)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.db, "db", defaultDB, "the database")
	f.StringVar(&o.beforeText, "before", "", "delete rows older than this `TIME`: 90d (before the newest fact), 2026-05-01, or RFC 3339")
	f.BoolVar(&o.dryRun, "dry-run", false, "count the rows and estimate the bytes, but change nothing")
	f.StringVar(&o.logLevel, "log-level", "info", "least severe messages to log: error, warning, info or debug")
	return cmd
}

func (o *pruneOptions) check(e *Env) (err error) {
	if o.level, err = parseLevel(o.logLevel); err != nil {
		return err
	}
	if o.beforeText == "" {
		return fmt.Errorf("%w: --before is missing: name the time before which rows are deleted, say 90d", errUsage)
	}
	now := e.Now()
	before, err := parseTime(o.beforeText, now, time.UTC)
	if err != nil {
		return fmt.Errorf("--before: %w", err)
	}
	if before > now.UnixMicro()-youngest {
		return fmt.Errorf("%w: --before %s is less than a day ago: the detectors and reports need the rows since then", errUsage, o.beforeText)
	}
	o.ago, _ = parseLength(o.beforeText)
	o.before = onTheHour(before)
	if _, err := os.Stat(o.db); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: --db %s: there is no such database", errUsage, cell(o.db))
	} else if sizeOf(o.db) == 0 {
		return fmt.Errorf("%w: --db %s: it is an empty file, not a database yet: there is nothing to prune", errUsage, cell(o.db))
	}
	return nil
}

// count makes a length of time count from the newest fact, if that is older than the
// clock: a clock that is a year ahead must not make everything old. A pass does the
// same. A date must be a day before the newest fact.
func (o *pruneOptions) count(e *Env, tx *store.Tx) error {
	newest, err := tx.NewestFact()
	if err != nil || newest >= e.Now().UnixMicro() {
		return err
	}
	if o.ago == 0 {
		if newest > 0 && o.before > newest-youngest {
			return fmt.Errorf("%w: --before %s is less than a day before the newest fact, of %s: the detectors and reports need the rows since then",
				errUsage, o.beforeText, isotime.Format(newest))
		}
		return nil
	}
	o.before = onTheHour(newest - o.ago)
	if newest < e.Now().UnixMicro()-youngest {
		e.log.Info(fmt.Sprintf("--before %s counts from the newest fact, of %s, not from the clock", o.beforeText, isotime.Format(newest)))
	}
	return nil
}

func onTheHour(at int64) int64 { return max(0, at-at%store.Hour) }

// dryPrune prints what runPrune would delete. It needs no lock, and writes nothing.
func dryPrune(ctx context.Context, o *pruneOptions, e *Env) error {
	s, err := store.OpenReadOnly(ctx, o.db)
	if err != nil {
		return err
	}
	defer s.Close()
	var p store.Pruned
	bytes := int64(0)
	err = s.View(ctx, func(tx *store.Tx) error {
		err := o.count(e, tx)
		if err == nil {
			p, err = tx.Prunable(o.before)
		}
		if err == nil {
			bytes, err = tx.PrunableBytes(p)
		}
		return err
	})
	if err == nil {
		err = o.tell(e, "would go", p)
	}
	if err == nil {
		_, err = fmt.Fprintf(e.Stdout, "%-28s %12d\n", "bytes given back, about", bytes)
	}
	return err
}

// runPrune prunes under the lock of the pass, however long it takes. A signal
// stops it between two steps.
func runPrune(ctx context.Context, o *pruneOptions, e *Env) error {
	var pruned store.Pruned
	given := int64(0)
	err := underLock(ctx, e, o.db, func(s *store.Store) (err error) {
		if err := s.Update(ctx, func(tx *store.Tx) error { return o.count(e, tx) }); err != nil {
			return err
		}
		goOn := func() bool { return ctx.Err() == nil }
		pruned, err = s.Prune(ctx, store.PruneOptions{Before: o.before, GoOn: goOn})
		if err == nil && pruned.Whole {
			given, err = s.GiveBack(ctx, goOn)
		}
		return err
	})
	if err != nil && !isSignal(ctx, err) {
		return err
	}
	if ctx.Err() != nil {
		e.log.Info("stopped by a signal; the deleted rows stay deleted, and the next prune goes on from there")
	}
	if err := o.tell(e, "gone", pruned); err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.Stdout, "%-28s %12d\n", "bytes given back", given)
	return err
}

// tell prints the number of rows of each table that are gone, or would go.
func (o *pruneOptions) tell(e *Env, what string, p store.Pruned) error {
	_, err := fmt.Fprintf(e.Stdout, "%-28s %12s\n", "before "+time.UnixMicro(o.before).UTC().Format(time.RFC3339), what)
	for _, line := range []struct {
		table string
		rows  int
	}{{"ships", p.Ships}, {"puts", p.Puts}, {"rejections", p.Rejections}, {"passes", p.Passes}} {
		if err == nil {
			_, err = fmt.Fprintf(e.Stdout, "%-28s %12d\n", line.table, line.rows)
		}
	}
	return err
}
