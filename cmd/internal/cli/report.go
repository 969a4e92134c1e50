package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"github.com/cis490/fleet-health/detect"
	"github.com/cis490/fleet-health/report"
	"github.com/cis490/fleet-health/store"
	"github.com/cis490/fleet-health/store/isotime"
	"github.com/cis490/fleet-health/store/shellword"
	"github.com/spf13/cobra"
)

type reportOptions struct {
	reading
	hosts      []string
	bucket     string
	all, check bool
}

func reportCommand(e *Env) *cobra.Command {
	var o reportOptions
	cmd := &cobra.Command{
		Use:   "report [HOST...]",
		Short: "show the fleet, a row per host; or a host's history, a row per bucket of time",
		Long: `Without HOST, show the fleet: a row per host, hosts in trouble first. What troubles
several of them has a row, and its hosts below it. With HOST, show its history: a row
per bucket of time, a last row that sums them up, and its incidents.

A host is failing (its PUTs are rejected), silent (it stopped shipping), lost (silent
for --lookback-hours of the pass), recovering (well again, but not for long enough),
unknown (no trouble is found, but a source was not read since its last ship), never
(it has not shipped yet), retired or healthy. It is gone if it has been silent for so
long and nothing expects it.

--format html writes one file for a browser: what is wrong and what to do, the hosts, and
a heatmap of their ships by the hour; or with HOST, its history and a timeline.

--check prints one line, for cron: it exits with 1 if a trouble is open that is neither
acknowledged nor muted, or if passes have stopped, and with 2 if there is no database.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.hosts = args
			return runReport(cmd.Context(), &o, e)
		},
		ValidArgsFunction: o.completeHosts(e),
	}
	o.flags(cmd)
	return cmd
}

func (o *reportOptions) flags(cmd *cobra.Command) {
	o.formats = []string{report.FormatHTML}
	o.reading.flags(cmd, "24h")
	o.asOfFlag(cmd)
	cmd.Flags().StringVar(&o.bucket, "bucket", "auto", "length of a row of a host's history: "+strings.Join(report.BucketNames(), ", "))
	o.allFlag(cmd)
	cmd.Flags().BoolVar(&o.check, "check", false, "print one line, and exit with 1 if a trouble is open that is neither acknowledged nor muted")
	complete(cmd, "bucket", report.BucketNames())
}

// allFlag adds only --all.
func (o *reportOptions) allFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.all, "all", false, "also show retired hosts; one that ships again is always shown")
}

// fleet returns the options of the fleet's report.
func (o *reportOptions) fleet() report.FleetOptions {
	return report.FleetOptions{Silences: detect.Silences(), Outages: detect.Outages(), All: o.all}
}

// runReport prints a report of the fleet, or of the named hosts.
func runReport(ctx context.Context, o *reportOptions, e *Env) error {
	style, w, err := o.asked(e)
	if err != nil {
		return err
	}
	if o.check && len(o.hosts) > 0 {
		return fmt.Errorf("%w: --check is about the whole fleet: leave out %s", errUsage, cell(o.hosts[0]))
	}
	if o.format == report.FormatHTML && len(o.hosts) > 1 {
		return fmt.Errorf("%w: --format html writes the page of one host: leave out %s", errUsage, cell(o.hosts[1]))
	}
	if o.check && o.asOf != "" {
		return fmt.Errorf("%w: --check is about now: leave out --as-of", errUsage)
	}
	if o.check {
		return printCheck(ctx, &o.reading, e, func(tx *store.Tx) (string, bool, error) {
			line, stopped, err := report.Stopped(tx, w.Until, report.Stale)
			if err != nil || stopped {
				return line, stopped, err
			}
			return report.Open(tx, w.Until)
		})
	}
	return o.view(ctx, func(tx *store.Tx) error {
		if w, err = o.known(tx, w, e.log); err != nil {
			return err
		}
		hosts, err := knownHosts(tx, o.hosts)
		if err != nil {
			return err
		}
		kept, err := tx.RawSince()
		if err != nil {
			return err
		}
		buckets, err := w.Buckets(o.bucket, style.Zone, kept)
		if err != nil {
			return fmt.Errorf("--bucket: %w", err)
		}
		if err := o.sayHowOld(ctx, tx, e.log, w.Until); err != nil {
			return err
		}
		if style.Format == report.FormatHTML {
			return writePage(tx, e.Stdout, style, w, o.fleet(), hosts, buckets)
		}
		if len(hosts) == 0 {
			sayWholeHours(e.log, w, w.Counted(kept), kept)
			return report.Fleet(tx, e.Stdout, style, w, o.fleet())
		}
		counted, err := buckets.Counted(w, kept)
		if err != nil {
			return fmt.Errorf("--bucket %s: %w", o.bucket, err)
		}
		// The table shows where the buckets begin.
		sayWholeHours(e.log, report.Window{Since: counted.Since, Until: w.Until}, counted, kept)
		return report.History(tx, e.Stdout, style, hosts, w, buckets)
	})
}

// writePage writes the page of the fleet, or of one host.
func writePage(tx *store.Tx, out io.Writer, s report.Style, w report.Window, fleet report.FleetOptions, hosts []string, buckets report.Buckets) error {
	fleet.All = fleet.All || len(hosts) > 0
	pages, err := report.NewPages(tx, s, w, fleet, false)
	switch {
	case err != nil:
		return err
	case len(hosts) == 0:
		return pages.Index(out)
	}
	return pages.Host(out, hosts[0], buckets)
}

// knownHosts returns the stored names of typed hosts, each once. A host may be typed by
// its stored name or its own. An unknown host is report.ErrUnknownHost.
func knownHosts(tx *store.Tx, typed []string) (hosts []string, err error) {
	if len(typed) == 0 {
		return nil, nil
	}
	names, err := tx.HostNames()
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, name := range names {
		known[name] = true
	}
	for _, host := range typed {
		name := host
		if !known[name] {
			name = store.StoredName(host)
		}
		if !known[name] {
			return nil, fmt.Errorf("%w %s%s", report.ErrUnknownHost, cell(host), didYouMean(nearest(host, names, 3)))
		}
		if !slices.Contains(hosts, name) {
			hosts = append(hosts, name)
		}
	}
	return hosts, nil
}

// completeHosts offers the hosts of the database to the shell, if their names are plain
// words. Bash evaluates the line that it completes (cobra pull request 2334), and
// everybody may PUT as a host named `reboot` with its backquotes, or -rf.
func (r *reading) completeHosts(e *Env) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, _ string) (names []string, _ cobra.ShellCompDirective) {
		err := fromEnvironment(cmd.Flags(), e)
		if err == nil {
			err = r.view(cmd.Context(), func(tx *store.Tx) error {
				all, err := tx.HostNames()
				for _, name := range all {
					if shellword.Plain(name) {
						names = append(names, name)
					}
				}
				return err
			})
		}
		if err != nil {
			return nil, cobra.ShellCompDirectiveError | cobra.ShellCompDirectiveNoFileComp
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

// sayHowOld warns if the last pass failed or is long ago.
func (o *reportOptions) sayHowOld(ctx context.Context, tx *store.Tx, log *slog.Logger, now int64) error {
	last, ok, err := tx.LastPass()
	switch {
	case err != nil:
		return err
	case !ok:
		log.Warn(noPassYet(ctx, o.db))
	case !last.Outcome.Valid && now-last.AsOf < report.Stale:
		log.Info("a pass is running: what it has not stored yet is not shown")
	case last.Outcome.String != store.OutcomeOK:
		log.Warn(fmt.Sprintf("the last pass, as of %s, did not get through: %s %s", isotime.Format(last.AsOf), cmp.Or(last.Outcome.String, "unfinished"), last.Error.String))
	case now-last.AsOf > report.Stale:
		log.Warn(fmt.Sprintf("the last pass was made as of %s, %s ago: symptoms are those that it found", isotime.Format(last.AsOf), report.Age(now-last.AsOf)))
	}
	return nil
}

// sayWholeHours says which time is counted if it is not the time that was asked for:
// before the horizon only whole hours are known.
func sayWholeHours(log *slog.Logger, asked, counted report.Window, kept int64) {
	if asked.Since-counted.Since > 1 || counted.Until > asked.Until {
		log.Info(fmt.Sprintf("before %s only whole hours are known: counted is from %s to %s", isotime.Format(kept), isotime.Format(counted.Since+1),
			isotime.Format(counted.Until+1)))
	}
}
