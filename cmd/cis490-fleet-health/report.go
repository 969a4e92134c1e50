package main

import (
	"github.com/cis490/fleet-health/report"
	"github.com/cis490/fleet-health/store"
	"github.com/spf13/cobra"
)

func reportCommand(e *env) *cobra.Command {
	var db, nowText string
	cmd := &cobra.Command{
		Use:   "report",
		Short: "show the fleet, a row per host, troubled hosts first",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			now, err := parseNow(nowText, e)
			if err != nil {
				return err
			}
			s, err := store.OpenReadOnly(cmd.Context(), db)
			if err != nil {
				return ran(err)
			}
			defer s.Close()
			return ran(s.View(cmd.Context(), func(tx *store.Tx) error { return report.Fleet(tx, e.stdout, now) }))
		},
	}
	cmd.Flags().StringVar(&db, "db", "/var/lib/cis490/fleet.db", "the database")
	cmd.Flags().StringVar(&nowText, "now", "", "show the fleet as of this `RFC3339` time instead of the clock's")
	return cmd
}
