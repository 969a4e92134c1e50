package cli

import (
	"context"
	"fmt"
	"strconv"

	"github.com/cis490/fleet-health/detect"
	"github.com/cis490/fleet-health/report"
	"github.com/cis490/fleet-health/store"
	"github.com/spf13/cobra"
)

type incidentsOptions struct {
	reading
	only   report.IncidentFilter
	events bool
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
whether it was said. The command show has the story of one.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runIncidents(cmd.Context(), &o, e)
		},
	}
	o.reading.flags(cmd, "")
	cmd.Flags().StringVar(&o.only.Host, "host", "", "only incidents that concern this host")
	cmd.Flags().BoolVar(&o.only.All, "all", false, "also incidents that have ended")
	cmd.Flags().BoolVar(&o.events, "events", false, "show the events of the incidents")
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
	return o.view(ctx, func(tx *store.Tx) error {
		only := o.only
		if only.Host, err = knownAlertHost(tx, o.only.Host); err != nil {
			return err
		}
		if o.events {
			return report.IncidentEvents(tx, e.Stdout, style, w, only)
		}
		return report.Incidents(tx, e.Stdout, style, w, only)
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
