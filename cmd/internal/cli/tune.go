package cli

import (
	"context"

	"github.com/cis490/fleet-health/detect"
	"github.com/cis490/fleet-health/report"
	"github.com/cis490/fleet-health/store"
	"github.com/spf13/cobra"
)

func tuneCommand(e *Env) *cobra.Command {
	var o reading
	cmd := &cobra.Command{
		Use:   "tune [HOST...]",
		Short: "show how hosts ship, and which threshold of a silence fits each of them",
		Long: `Show how hosts ship: the median time between two ships, the time that 99 of 100 are not
longer than, and the longest silence. said is how many silences were said in the window,
and soon over how many of them ended before anybody could act, within 15 minutes. If
these are more than one in four weeks, a threshold is recommended for set: the shortest
that would have said at most one silence a week, and one in four weeks that was soon over.

For named hosts, each of a ladder of thresholds follows, with what it would have said: how
many silences, how many of them were soon over, and after how many the host shipped for
more than 15 minutes. Then come the hours of the week in which the host ships.

Silences in which the receiver was down, or in which the index was not read, do not count.
What a rhythm would have said is only known as far as it was said.`,
		RunE:              func(cmd *cobra.Command, args []string) error { return runTune(cmd.Context(), &o, args, e) },
		ValidArgsFunction: o.completeHosts(e),
	}
	o.flags(cmd, "30d")
	return cmd
}

// runTune prints what fits hosts.
func runTune(ctx context.Context, o *reading, typed []string, e *Env) error {
	style, w, err := o.asked(e)
	if err != nil {
		return err
	}
	return o.view(ctx, func(tx *store.Tx) error {
		hosts, err := knownHosts(tx, typed)
		if err != nil {
			return err
		}
		return report.Tune(tx, e.Stdout, style, w, report.TuneOptions{Hosts: hosts, Outages: detect.Outages(), Hold: detect.DefaultThresholds().Hold})
	})
}
