package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/cis490/fleet-health/detect"
	"github.com/cis490/fleet-health/report"
	"github.com/cis490/fleet-health/store"
	"github.com/spf13/cobra"
)

type alertsOptions struct {
	reading
	only store.AlertFilter
}

func alertsCommand(e *Env) *cobra.Command {
	var o alertsOptions
	cmd := &cobra.Command{
		Use:   "alerts",
		Short: "show the alerts, oldest first",
		Long: `Show the alerts, oldest first. With --host, the suggested fixes follow below the
table. CSV and JSON always have them.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runAlerts(cmd.Context(), &o, e)
		},
	}
	o.flags(cmd, e)
	cmd.AddCommand(exportCommand(e))
	return cmd
}

func (o *alertsOptions) flags(cmd *cobra.Command, e *Env) {
	symptoms := detect.AllSymptoms()
	o.reading.flags(cmd, "")
	o.asOfFlag(cmd)
	cmd.Flags().StringVar(&o.only.Host, "host", "", "only alerts of this host, with their suggested fixes")
	cmd.Flags().StringVar(&o.only.Symptom, "symptom", "", "only alerts of this symptom: "+strings.Join(symptoms[:len(symptoms)-1], ", ")+" or "+symptoms[len(symptoms)-1])
	cmd.Flags().BoolVar(&o.only.Open, "open", false, "only alerts of incidents that are open")
	cmd.RegisterFlagCompletionFunc("host", o.completeHosts(e))
	complete(cmd, "symptom", symptoms)
}

// runAlerts prints the alerts that the flags select.
func runAlerts(ctx context.Context, o *alertsOptions, e *Env) error {
	symptoms := detect.AllSymptoms()
	if o.only.Symptom != "" && !slices.Contains(symptoms, o.only.Symptom) {
		return fmt.Errorf("%w: --symptom %q is none of %s", errUsage, o.only.Symptom, strings.Join(symptoms, ", "))
	}
	style, w, err := o.asked(e)
	if err != nil {
		return err
	}
	return o.view(ctx, func(tx *store.Tx) error {
		only := o.only
		if only.Host, err = knownAlertHost(tx, o.only.Host); err != nil {
			return err
		}
		if w, err = o.known(tx, w, e.log); err != nil {
			return err
		}
		return report.Alerts(tx, e.Stdout, style, w, only)
	})
}

// knownAlertHost returns the stored name of a typed host. A host that has an alert is
// known even if it never shipped: the alert may be adopted from an old alerts.jsonl.
func knownAlertHost(tx *store.Tx, typed string) (string, error) {
	if typed == "" {
		return "", nil
	}
	for _, name := range []string{typed, store.StoredName(typed)} {
		n, err := tx.CountAlerts(store.AlertFilter{Host: name, Until: store.MaxTime})
		if err != nil || n > 0 {
			return name, err
		}
	}
	known, err := knownHosts(tx, []string{typed})
	if err != nil {
		return "", err
	}
	return known[0], nil
}
