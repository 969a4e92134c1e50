package main

import (
	"fmt"
	"time"

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
			now := e.now().UnixMicro()
			if nowText != "" {
				t, err := time.Parse(time.RFC3339, nowText)
				if err != nil {
					return fmt.Errorf("%w: --now %q is not an RFC 3339 time like 2026-05-01T06:37:53Z", errUsage, nowText)
				}
				now = t.UnixMicro()
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
