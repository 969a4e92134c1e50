package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cis490/fleet-health/report"
	"github.com/cis490/fleet-health/store"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// reading has the options that all commands share that only read.
type reading struct {
	db, format        string
	since, until, now string
	asOf              string // --as-of; "" for none
	local             bool
	formats           []string // that the command has besides report.Formats
	span              int64    // length of the window without --since, in microseconds; 0 for everything
}

// Default paths: the receiver's index, and this program's files in the directory that
// the package makes.
const (
	defaultIndex  = "/var/lib/cis490/index.jsonl"
	stateDir      = "/var/lib/cis490-fleet-health/"
	defaultDB     = stateDir + "fleet.db"
	defaultAlerts = stateDir + "alerts.jsonl"
)

// flags adds the flags to a command. span is the length of the window without --since,
// like 24h; "" for everything.
func (r *reading) flags(cmd *cobra.Command, span string) {
	r.dbFlag(cmd)
	otherwise := "everything"
	if span != "" {
		otherwise = span + " before --until"
	}
	r.sinceFlag(cmd, span, otherwise)
	cmd.Flags().StringVar(&r.until, "until", "now", "end of the window: a `TIME` as for --since")
	r.formatFlag(cmd)
	r.zoneFlags(cmd)
}

// dbFlag adds only --db.
func (r *reading) dbFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&r.db, "db", defaultDB, "the database")
}

// sinceFlag adds only --since. span is as for flags; otherwise says what it is without the flag.
func (r *reading) sinceFlag(cmd *cobra.Command, span, otherwise string) {
	r.span, _ = parseLength(span)
	cmd.Flags().StringVar(&r.since, "since", "", "start of the window: `TIME` is how long ago (90m, 24h, 7d), a day (2026-05-01, yesterday), a time, or RFC 3339 (default "+otherwise+")")
}

// asOfFlag adds only --as-of.
func (r *reading) asOfFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&r.asOf, "as-of", "", "show what was known at a `TIME` as for --since, after the last pass before it (default what is known now)")
}

// known returns a window up to what was known at its end, if --as-of is given: up to the last pass
// before it. What was read later, although it is older, is counted and said.
func (r *reading) known(tx *store.Tx, w report.Window, log *slog.Logger) (report.Window, error) {
	if r.asOf == "" {
		return w, nil
	}
	at, ok, err := tx.PassBefore(w.Until)
	if err != nil {
		return w, err
	}
	if !ok {
		return w, fmt.Errorf("%w: --as-of %s is before the first pass that is kept: nothing is known of what was known then", errUsage, cell(r.asOf))
	}
	if r.since == "" && r.span > 0 {
		w.Since = max(at-r.span, 0)
	}
	w.Until = at
	if w.Since >= w.Until {
		return w, fmt.Errorf("%w: --since %s is not before the last pass before --as-of %s", errUsage, r.since, cell(r.asOf))
	}
	gaps, err := tx.Gaps(w.Since, w.Until)
	for _, g := range gaps {
		if g.RecoveredAt.Valid && g.RecoveredAt.Int64 > at {
			log.Warn(fmt.Sprintf("what the %s has from %s to %s was only read at %s: it is counted, although it was not known then",
				g.Stream, moment(g.From), moment(g.To), moment(g.RecoveredAt.Int64)))
		}
	}
	if err != nil {
		return w, err
	}
	late, err := tx.ReadLater(w.Since, w.Until)
	if late > 0 {
		log.Warn(fmt.Sprintf("%d fact(s) of the window were read by later passes: they are counted, although they were not known then", late))
	}
	return w, err
}

// zoneFlags adds only --local and --now.
func (r *reading) zoneFlags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&r.local, "local", false, "read and show times in this machine's time zone instead of UTC; CSV and JSON stay UTC")
	r.nowFlag(cmd)
}

// nowFlag adds only --now.
func (r *reading) nowFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&r.now, "now", "", "count ages and relative times from this `RFC3339` time instead of the clock's")
}

// formatFlag adds only --format.
func (r *reading) formatFlag(cmd *cobra.Command) {
	formats := slices.Concat(report.Formats, r.formats)
	cmd.Flags().StringVar(&r.format, "format", report.FormatTable, "format of the output: "+strings.Join(formats, ", "))
	complete(cmd, "format", formats)
}

// complete offers the values of a flag to the shell.
func complete(cmd *cobra.Command, flag string, values []string) {
	cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

// style returns how to write to standard output.
func (r *reading) style(e *Env) (report.Style, error) {
	if formats := slices.Concat(report.Formats, r.formats); !slices.Contains(formats, r.format) {
		return report.Style{}, fmt.Errorf("%w: --format %q is none of %s", errUsage, r.format, strings.Join(formats, ", "))
	}
	zone, err := r.zone(e)
	if err != nil {
		return report.Style{}, err
	}
	s := report.Style{Format: r.format, Zone: zone}
	if isTerminal(e.Stdout) {
		s.Width, _ = terminalSize(e, e.Stdout)
		s.Colour = e.Getenv("NO_COLOR") == "" && e.Getenv("TERM") != "dumb"
	}
	return s, nil
}

// terminalSize returns the number of columns and lines of a terminal: COLUMNS and LINES, or
// else its own; 80 and 24 if neither is known.
func terminalSize(e *Env, w io.Writer) (width, height int) {
	if f, ok := w.(*os.File); ok {
		width, height, _ = term.GetSize(int(f.Fd())) // 0 on an error
	}
	known := func(name string, own, otherwise int) int {
		if n, err := strconv.Atoi(e.Getenv(name)); err == nil && n > 0 {
			return n
		}
		return cmp.Or(own, otherwise)
	}
	return known("COLUMNS", width, 80), known("LINES", height, 24)
}

// asked returns the style and the window that the flags ask for.
func (r *reading) asked(e *Env) (s report.Style, w report.Window, err error) {
	if s, err = r.style(e); err == nil {
		w, err = r.window(e)
	}
	return s, w, err
}

// window returns the window that the flags ask for. Its Since is 0 for everything.
func (r *reading) window(e *Env) (w report.Window, err error) {
	now, err := parseNow(r.now, e)
	if err != nil {
		return w, err
	}
	zone, err := r.zone(e)
	if err != nil {
		return w, err
	}
	clock := time.UnixMicro(now)
	flag, until := "--until", r.until
	if r.asOf != "" {
		if r.until != "now" {
			return w, fmt.Errorf("%w: --as-of excludes --until", errUsage)
		}
		flag, until = "--as-of", r.asOf
	}
	if w.Until, err = parseTime(until, clock, zone); err != nil {
		return w, fmt.Errorf("%s: %w", flag, err)
	}
	if r.since == "" {
		if r.span > 0 {
			w.Since = max(w.Until-r.span, 0)
		}
		return w, nil
	}
	if w.Since, err = parseTime(r.since, clock, zone); err != nil {
		return w, fmt.Errorf("--since: %w", err)
	}
	if w.Since >= w.Until {
		return w, fmt.Errorf("%w: --since %s is not before %s %s", errUsage, r.since, flag, until)
	}
	return w, nil
}

// view runs fn on one state of the database. A pass may run meanwhile.
func (r *reading) view(ctx context.Context, fn func(*store.Tx) error) error {
	s, err := store.OpenReadOnly(ctx, r.db)
	if err != nil {
		return beforeFirstPass(ctx, r.db, err)
	}
	defer s.Close()
	return s.View(ctx, fn)
}
