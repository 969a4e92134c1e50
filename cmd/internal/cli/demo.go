package cli

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/cis490/fleet-health/detect"
	"github.com/cis490/fleet-health/report"
	"github.com/cis490/fleet-health/store"
	"github.com/cis490/fleet-health/store/shellword"
	"github.com/spf13/cobra"
)

// demoNow is the time at which the demo's last pass runs.
var demoNow = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func demoCommand(e *Env) *cobra.Command {
	var seed uint64
	cmd := &cobra.Command{
		Use:   "demo [DIR]",
		Short: "make a small fleet with faults in DIR, run passes on it, and show their findings",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runDemo(cmd.Context(), args, seed, e)
		},
	}
	cmd.Flags().Uint64Var(&seed, "seed", 1, "seed of the fleet: the same seed makes the same fleet")
	return cmd
}

func runDemo(ctx context.Context, args []string, seed uint64, e *Env) error {
	dir, err := demoDir(args)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.Stdout, "A fleet as of %s, in %s\n\n", demoNow.Format(time.RFC3339), dir)
	o := defaultPassOptions()
	o.db, o.index = filepath.Join(dir, "fleet.db"), filepath.Join(dir, "index.jsonl")
	o.alerts, o.export = filepath.Join(dir, "alerts.jsonl"), filepath.Join(dir, "journal.export")
	o.logLevel = "error"
	w := fleetWriter{index: o.index, journal: o.export, random: rand.New(rand.NewPCG(seed, 0)), early: rand.New(rand.NewPCG(seed, 1)),
		minute: demoStart}
	// A pass sees no more than what came before it: the outage explains no trouble that an
	// earlier pass has found.
	for _, minute := range demoPasses() {
		if err := w.writeUntil(minute); err != nil {
			return err
		}
		o.nowText = demoNow.Add(time.Duration(minute) * time.Minute).Format(time.RFC3339)
		if err := o.check(e); err != nil {
			return err
		}
		if err := runPass(ctx, o, e); err != nil {
			return err
		}
	}
	if err := showDemo(ctx, &o, e); err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.Stdout, tryNext, shellword.Quote(dir), demoNow.Format(time.RFC3339))
	return err
}

// tryNext is a format: its values are the directory and the time of the demo.
const tryNext = `
Try next:
  cis490-fleet-health incidents show 7 --db %[1]s/fleet.db --now %[2]s
  cis490-fleet-health report --db %[1]s/fleet.db --now %[2]s
  cis490-fleet-health report lab-06 --since 3h --db %[1]s/fleet.db --now %[2]s
  cis490-fleet-health query last-good --since 3h --db %[1]s/fleet.db --now %[2]s
  cis490-fleet-health status --db %[1]s/fleet.db --index-path %[1]s/index.jsonl --now %[2]s
  cis490-fleet-health pass --db %[1]s/fleet.db --index-path %[1]s/index.jsonl --alerts-path %[1]s/alerts.jsonl --journal-export %[1]s/journal.export --now %[2]s
  sqlite3 -readonly %[1]s/fleet.db "SELECT hour, host, ships, puts_4xx, puts_5xx FROM host_hourly WHERE hour >= '2026-05-01T10'"
`

// demoDir returns the empty directory for the fleet: the one that was typed, or a new
// temporary one.
func demoDir(args []string) (string, error) {
	if len(args) == 0 {
		return os.MkdirTemp("", "fleet-demo-")
	}
	dir := args[0]
	if err := refuseRoot(dir); err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return "", fmt.Errorf("%w: %w", errUsage, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		return "", fmt.Errorf("%w: %s is not an empty directory", errUsage, dir)
	}
	return dir, nil
}

// showDemo shows what the passes found: the incidents that are open, and the fleet.
func showDemo(ctx context.Context, o *passOptions, e *Env) error {
	r := reading{db: o.db, format: report.FormatTable}
	style, err := r.style(e)
	if err != nil {
		return err
	}
	return r.view(ctx, func(tx *store.Tx) error {
		w := report.Window{Since: o.now - 24*store.Hour, Until: o.now}
		if err := report.Fleet(tx, e.Stdout, style, w, report.FleetOptions{Silences: detect.Silences(), Outages: detect.Outages()}); err != nil {
			return err
		}
		fmt.Fprintln(e.Stdout)
		return report.Incidents(tx, e.Stdout, style, w, report.IncidentFilter{})
	})
}
