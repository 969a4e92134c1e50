package cli

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"

	"github.com/cis490/fleet-health/store"
	"github.com/spf13/cobra"
)

func ackCommand(e *Env) *cobra.Command {
	var o acting
	cmd := &cobra.Command{
		Use:   "ack ID",
		Short: "acknowledge an open incident: nothing more is said about it",
		Long: `Acknowledge an open incident, by its ID as incidents lists it. Until the incident ends, or
for as long as --for says, it is not repeated. Its end is said. A new incident of the
same host is a new one, and is said.`,
		Args:              cobra.ExactArgs(1),
		RunE:              func(cmd *cobra.Command, args []string) error { return runAck(cmd.Context(), &o, args[0], e) },
		ValidArgsFunction: o.completeIncidents(e),
	}
	o.flags(cmd)
	cmd.Flags().StringVar(&o.length, "for", "", "a length of `TIME`, like 4h, after which it is repeated again (default until it ends)")
	return cmd
}

func unackCommand(e *Env) *cobra.Command {
	var o acting
	cmd := &cobra.Command{
		Use:               "unack ID",
		Short:             "undo ack",
		Long:              "Take back the acknowledgement of an open incident. It is repeated again, at most once an hour.",
		Args:              cobra.ExactArgs(1),
		RunE:              func(cmd *cobra.Command, args []string) error { return runUnack(cmd.Context(), &o, args[0], e) },
		ValidArgsFunction: o.completeIncidents(e),
	}
	o.flags(cmd)
	return cmd
}

// runAck acknowledges an incident.
func runAck(ctx context.Context, o *acting, id string, e *Env) error {
	if err := o.check(e, "unack ID"); err != nil {
		return err
	}
	return o.act(ctx, e, func(tx *store.Tx, act *store.Act) (string, error) {
		i, err := openIncident(tx, id)
		if err != nil {
			return "", err
		}
		act.Act, act.IncidentID = store.ActAck, given(i.ID)
		i.AckedAt, i.AckedUntil = given(act.At), given(store.MaxTime)
		end := "until it ends"
		if act.UntilAt.Valid {
			i.AckedUntil, end = act.UntilAt, "until "+moment(act.UntilAt.Int64)
		}
		if err := tx.SaveIncident(&i); err != nil {
			return "", err
		}
		event := store.IncidentEvent{At: act.At, IncidentID: i.ID, Event: store.EventAcknowledged, Symptom: i.Symptom, ExplainedBy: i.ExplainedBy,
			Detail: "by " + act.Who + " " + end}
		if act.Note != "" {
			event.Detail += ": " + act.Note
		}
		if err := tx.AddEvent(event); err != nil {
			return "", err
		}
		return nameOf(&i) + " is acknowledged " + end + cause(&i) + toUndo("unack", id), nil
	})
}

// runUnack takes the acknowledgement of an incident back.
func runUnack(ctx context.Context, o *acting, id string, e *Env) error {
	if err := o.check(e, ""); err != nil {
		return err
	}
	return o.act(ctx, e, func(tx *store.Tx, act *store.Act) (string, error) {
		i, err := openIncident(tx, id)
		if err != nil {
			return "", err
		}
		if !i.AckedAsOf(act.At) {
			return nameOf(&i) + " is not acknowledged: nothing to undo", nil
		}
		act.Act, act.IncidentID = store.ActUnack, given(i.ID)
		i.AckedAt, i.AckedUntil = sql.NullInt64{}, sql.NullInt64{}
		return nameOf(&i) + " is not acknowledged any more" + toUndo("ack", id), tx.SaveIncident(&i)
	})
}

const listOpen = "`cis490-fleet-health incidents` lists the open ones"

// openIncident returns the open incident with a typed ID.
func openIncident(tx *store.Tx, typed string) (i store.Incident, err error) {
	id, err := strconv.ParseInt(typed, 10, 64)
	if err != nil {
		return i, fmt.Errorf("%w: %q is not the ID of an incident; %s", errUsage, typed, listOpen)
	}
	i, err = tx.Incident(id)
	if errors.Is(err, sql.ErrNoRows) {
		return i, fmt.Errorf("%w: there is no incident %d; %s", errUsage, id, listOpen)
	}
	if err == nil && !i.Open() {
		err = fmt.Errorf("%w: %s ended at %s (%s); if the trouble is back, it has another ID: %s", errUsage, nameOf(&i), moment(i.ResolvedAt.Int64),
			i.Resolution.String, listOpen)
	}
	return i, err
}

// nameOf names an incident for people.
func nameOf(i *store.Incident) string {
	return fmt.Sprintf("incident %d (%s %s)", i.ID, cell(i.Subject), i.Symptom)
}

// cause returns the part of a sentence that names the cause of an incident, "" for none. The
// cause is what is said, so it is mostly what an operator means.
func cause(i *store.Incident) string {
	if !i.ExplainedBy.Valid {
		return ""
	}
	return fmt.Sprintf("; incident %[1]d explains it, and is still said unless you run `cis490-fleet-health ack %[1]d`", i.ExplainedBy.Int64)
}

// completeIncidents offers the IDs of the open incidents to the shell.
func (o *acting) completeIncidents(e *Env) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, _ string) (ids []string, _ cobra.ShellCompDirective) {
		err := fromEnvironment(cmd.Flags(), e)
		if err == nil {
			err = o.view(cmd.Context(), func(tx *store.Tx) error {
				open, err := tx.OpenIncidents()
				for _, i := range open {
					ids = append(ids, strconv.FormatInt(i.ID, 10))
				}
				return err
			})
		}
		if err != nil {
			return nil, cobra.ShellCompDirectiveError | cobra.ShellCompDirectiveNoFileComp
		}
		return ids, cobra.ShellCompDirectiveNoFileComp
	}
}
