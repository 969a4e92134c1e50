package cli

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/cis490/fleet-health/store"
	"github.com/spf13/cobra"
)

func muteCommand(e *Env) *cobra.Command {
	var o acting
	cmd := &cobra.Command{
		Use:   "mute HOST --for TIME",
		Short: "say nothing about a host for some time",
		Long: `Say nothing about a host for as long as --for says. Its incidents open and end as before,
but are not said; reports show them, and alerts.jsonl has its alerts. What is open when
the time is over is said then. A second mute replaces the first.

To silence one incident, use ack; for a host that does not come back, use retire.`,
		Args:              cobra.ExactArgs(1),
		RunE:              func(cmd *cobra.Command, args []string) error { return runMute(cmd.Context(), &o, args[0], e) },
		ValidArgsFunction: o.completeHosts(e),
	}
	o.flags(cmd)
	cmd.Flags().StringVar(&o.length, "for", "", "the length of `TIME`, like 4h or 2d")
	return cmd
}

func unmuteCommand(e *Env) *cobra.Command {
	var o acting
	cmd := &cobra.Command{
		Use:               "unmute HOST",
		Short:             "undo mute",
		Long:              "End the mute of a host before its time. The next pass says what is open.",
		Args:              cobra.ExactArgs(1),
		RunE:              func(cmd *cobra.Command, args []string) error { return runUnmute(cmd.Context(), &o, args[0], e) },
		ValidArgsFunction: o.completeHosts(e),
	}
	o.flags(cmd)
	return cmd
}

// runMute mutes a host for some time.
func runMute(ctx context.Context, o *acting, typed string, e *Env) error {
	if o.length == "" {
		return fmt.Errorf("%w: --for is missing: say for how long, like 4h or 2d; `retire` is for a host that does not come back", errUsage)
	}
	if err := o.check(e, "unmute HOST"); err != nil {
		return err
	}
	return o.onHost(ctx, e, typed, func(_ *store.Tx, h *store.HostSettings, act *store.Act) (string, error) {
		act.Act, h.MutedUntil = store.ActMute, act.UntilAt
		return fmt.Sprintf("%s is muted until %s", cell(act.Host.String), moment(act.UntilAt.Int64)) + toUndo("unmute", act.Host.String), nil
	})
}

// runUnmute ends the mute of a host.
func runUnmute(ctx context.Context, o *acting, typed string, e *Env) error {
	if err := o.check(e, ""); err != nil {
		return err
	}
	return o.onHost(ctx, e, typed, func(_ *store.Tx, h *store.HostSettings, act *store.Act) (string, error) {
		if h.MutedUntil.Int64 <= act.At {
			return cell(act.Host.String) + " is not muted: nothing to undo", nil
		}
		act.Act, h.MutedUntil = store.ActUnmute, sql.NullInt64{}
		return cell(act.Host.String) + " is not muted any more" + toUndo("mute --for 4h", act.Host.String), nil
	})
}
