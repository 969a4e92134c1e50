package cli

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cis490/fleet-health/detect"
	"github.com/cis490/fleet-health/report"
	"github.com/cis490/fleet-health/store"
	"github.com/spf13/cobra"
)

type incidentsOptions struct {
	reading
	only           report.IncidentFilter
	events, follow bool
}

func incidentsCommand(e *Env) *cobra.Command {
	var o incidentsOptions
	cmd := &cobra.Command{
		Use:   "incidents",
		Short: "show the troubles that are open, and what explains them",
		Long: `Show the incidents that are open. An incident is one continuing trouble of a host, of a
group of hosts, or of the receiver. Those that another one explains stand below it, and
are not said.

--all also shows the incidents that ended in the window. --events shows what happened
to incidents in the window: opened, repeated, lost, acknowledged or resolved, and
whether it was said. --follow prints a line for each new event, until you press
Ctrl-C; with --since, it begins with the events since then. The command show has the
story of an incident.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runIncidents(cmd.Context(), &o, e)
		},
	}
	o.reading.flags(cmd, "")
	o.asOfFlag(cmd)
	cmd.Flags().StringVar(&o.only.Host, "host", "", "only incidents that concern this host")
	cmd.Flags().BoolVar(&o.only.All, "all", false, "also incidents that have ended")
	cmd.Flags().BoolVar(&o.events, "events", false, "show the events of the incidents")
	cmd.Flags().BoolVar(&o.follow, "follow", false, "print a line for each new event, in one of the formats "+strings.Join(report.FollowFormats, ", "))
	cmd.RegisterFlagCompletionFunc("host", o.completeHosts(e))
	cmd.AddCommand(showCommand(e))
	return cmd
}

// runIncidents prints the incidents, or their events.
func runIncidents(ctx context.Context, o *incidentsOptions, e *Env) error {
	style, w, err := o.asked(e)
	if err != nil {
		return err
	}
	if o.follow {
		return o.followEvents(ctx, e, style, w)
	}
	return o.view(ctx, func(tx *store.Tx) error {
		only := o.only
		if only.Host, err = knownAlertHost(tx, o.only.Host); err != nil {
			return err
		}
		if w, err = o.known(tx, w, e.log); err != nil {
			return err
		}
		if o.events {
			return report.IncidentEvents(tx, e.Stdout, style, w, only)
		}
		return report.Incidents(tx, e.Stdout, style, w, only)
	})
}

// followEvents prints the events since the start of the window, or else from now on, and then
// new ones until a signal ends ctx.
func (o *incidentsOptions) followEvents(ctx context.Context, e *Env, style report.Style, w report.Window) error {
	if o.only.All || o.until != "now" || o.asOf != "" {
		return fmt.Errorf("%w: --follow prints new events: leave out --all, --until and --as-of", errUsage)
	}
	if !slices.Contains(report.FollowFormats, style.Format) {
		return fmt.Errorf("%w: --follow has no --format %s, since its output has no end: use %s", errUsage, style.Format, strings.Join(report.FollowFormats, " or "))
	}
	since := w.Since
	if o.since == "" {
		since = store.MaxTime
	}
	last := int64(-1)
	return o.followWrites(ctx, nil, func(tx *store.Tx, replaced bool) (time.Duration, error) {
		host, err := knownAlertHost(tx, o.only.Host)
		if err == nil && last < 0 {
			last, err = tx.EventBefore(since)
		}
		if err != nil {
			return 0, err
		}
		if replaced {
			e.log.Warn("a new database has taken the place of the old one: all of its events follow")
			last = 0
		}
		last, err = report.NewEvents(tx, e.Stdout, style, last, host)
		return 0, err
	})
}

func showCommand(e *Env) *cobra.Command {
	var o reading
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "show the story of an incident: when, how bad, why, what to do",
		Long: `Show the story of an incident: when it began and ended, its figures over that time, its
hosts and their changes of the code commit, what explains it and what it explains, its
events and alerts, what operators did, the last facts, what to do, and the SQL that
found it. That can be pasted into sqlite3. CSV and JSON have one row.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runShow(cmd.Context(), &o, args[0], e)
		},
	}
	o.until = "now"
	o.dbFlag(cmd)
	o.formatFlag(cmd)
	o.zoneFlags(cmd)
	return cmd
}

// runShow prints the story of an incident.
func runShow(ctx context.Context, o *reading, typed string, e *Env) error {
	id, err := strconv.ParseInt(typed, 10, 64)
	if err != nil {
		return fmt.Errorf("%w: %s is not the id of an incident: `cis490-fleet-health incidents --all` lists them", errUsage, cell(typed))
	}
	style, w, err := o.asked(e)
	if err != nil {
		return err
	}
	return o.view(ctx, func(tx *store.Tx) error {
		return report.Incident(tx, e.Stdout, style, id, w.Until, detect.QueryText)
	})
}
