package main

import (
	"cmp"

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
			return ran(s.View(cmd.Context(), func(tx *store.Tx) error {
				if err := sayHowOld(tx, newLogger(e, levelInfo), now); err != nil {
					return err
				}
				return report.Fleet(tx, e.stdout, now)
			}))
		},
	}
	cmd.Flags().StringVar(&db, "db", "/var/lib/cis490/fleet.db", "the database")
	cmd.Flags().StringVar(&nowText, "now", "", "count the 24 hours and ages up to this `RFC3339` time instead of the clock's")
	return cmd
}

// stale is how long after a pass, in microseconds, what it found is not news
// any more: two of the timer's five-minute passes have been missed.
const stale = 15 * store.Minute

// sayHowOld warns of a report whose facts are not those of the present.
func sayHowOld(tx *store.Tx, log *logger, now int64) error {
	last, ok, err := tx.LastPass()
	switch {
	case err != nil:
		return err
	case !ok:
		log.say(levelWarning, "no pass has been made yet")
	case !last.Outcome.Valid && now-last.AsOf < stale:
		log.say(levelInfo, "a pass is running: what it has not stored yet is not shown")
	case last.Outcome.String != store.OutcomeOK:
		log.say(levelWarning, "the last pass, as of %s, did not get through: %s %s", store.FormatTime(last.AsOf), cmp.Or(last.Outcome.String, "unfinished"), last.Error.String)
	case now-last.AsOf > stale:
		log.say(levelWarning, "the last pass was made as of %s, %s ago: symptoms are those that it found", store.FormatTime(last.AsOf), report.Age(now-last.AsOf))
	}
	return nil
}
