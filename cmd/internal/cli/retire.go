package cli

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/cis490/fleet-health/store"
	"github.com/spf13/cobra"
)

func retireCommand(e *Env) *cobra.Command {
	var o acting
	cmd := &cobra.Command{
		Use:   "retire HOST",
		Short: "do not expect a host to ship any more",
		Long: `Do not expect a host to ship any more. The detectors skip it, and the next pass ends its
open incidents. Its facts are kept and counted as before. report leaves it out, unless
--all is given, or it ships again.`,
		Args:              cobra.ExactArgs(1),
		RunE:              func(cmd *cobra.Command, args []string) error { return runRetire(cmd.Context(), &o, args[0], e) },
		ValidArgsFunction: o.completeHosts(e),
	}
	o.flags(cmd)
	return cmd
}

func unretireCommand(e *Env) *cobra.Command {
	var o acting
	cmd := &cobra.Command{
		Use:   "unretire HOST",
		Short: "undo retire: the host is expected to ship again",
		Long: `Expect a retired host to ship again. Its silence counts from now, so it has as long as
any other host before it is called silent.`,
		Args:              cobra.ExactArgs(1),
		RunE:              func(cmd *cobra.Command, args []string) error { return runUnretire(cmd.Context(), &o, args[0], e) },
		ValidArgsFunction: o.completeHosts(e),
	}
	o.flags(cmd)
	return cmd
}

// runRetire retires a host. It leaves the incidents of the host to the next pass, which also
// says that they have ended.
func runRetire(ctx context.Context, o *acting, typed string, e *Env) error {
	if err := o.check(e, ""); err != nil {
		return err
	}
	return o.onHost(ctx, e, typed, func(tx *store.Tx, h *store.HostSettings, act *store.Act) (string, error) {
		host := act.Host.String
		if h.RetiredAt.Valid {
			return fmt.Sprintf("%s has been retired since %s: nothing to do", cell(host), moment(h.RetiredAt.Int64)), nil
		}
		act.Act, h.RetiredAt = store.ActRetire, given(act.At)
		open, err := tx.Incidents(store.IncidentFilter{Host: host, Until: store.MaxTime})
		said := cell(host) + " is retired: it is not expected to ship any more"
		for _, i := range open {
			if i.Subject == host {
				said += fmt.Sprintf("; the next pass ends its incident %d", i.ID)
			}
		}
		return said + toUndo("unretire", host), err
	})
}

// runUnretire makes a retired host expected again.
func runUnretire(ctx context.Context, o *acting, typed string, e *Env) error {
	if err := o.check(e, ""); err != nil {
		return err
	}
	return o.onHost(ctx, e, typed, func(tx *store.Tx, h *store.HostSettings, act *store.Act) (string, error) {
		host := act.Host.String
		if !h.RetiredAt.Valid {
			return cell(host) + " is not retired: nothing to undo", nil
		}
		act.Act, h.RetiredAt = store.ActUnretire, sql.NullInt64{}
		return cell(host) + " is expected to ship again, from now on" + toUndo("retire", host), tx.ExpectHostFrom(host, act.At)
	})
}
