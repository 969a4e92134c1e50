package cli

import (
	"context"

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
		Long: `Show the incidents that are open, oldest first. An incident is one continuing trouble of
a host, of a group of hosts, or of the receiver. One that another explains is not said.

--all also shows incidents that ended in the window. --events shows what happened to
incidents in the window: opened, repeated, lost, acknowledged or resolved, and whether
it was said.`,
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
