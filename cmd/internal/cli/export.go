package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/cis490/fleet-health/report"
	"github.com/cis490/fleet-health/store"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

type exportOptions struct {
	db, alerts string
	rebuild    bool
}

func exportCommand(e *Env) *cobra.Command {
	var o exportOptions
	cmd := &cobra.Command{
		Use:   "export",
		Short: "bring alerts.jsonl up to date, as a pass does",
		Long: `Bring alerts.jsonl up to date, as a pass does. If a pass is running, wait up to a minute
for it to end.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runExport(cmd.Context(), &o, e)
		},
	}
	o.flags(cmd.Flags())
	return cmd
}

func (o *exportOptions) flags(f *pflag.FlagSet) {
	f.StringVar(&o.db, "db", defaultDB, "the database")
	f.StringVar(&o.alerts, "alerts-path", defaultAlerts, "the file that alerts are appended to")
	f.BoolVar(&o.rebuild, "rebuild", false, "write the whole file again from the database")
}

// runExport brings alerts.jsonl up to date under the lock of the pass.
func runExport(ctx context.Context, o *exportOptions, e *Env) error {
	path := o.alerts
	if dir := filepath.Dir(path); !isDirectory(dir) {
		return fmt.Errorf("%w: --alerts-path %s: there is no directory %s", errUsage, cell(path), cell(dir))
	}
	if err := refuseRoot(filepath.Dir(path)); err != nil {
		return err
	}
	for _, suffix := range []string{"", "-wal", "-shm", ".lock"} {
		if own, err := os.Stat(o.db + suffix); err == nil {
			if file, err := os.Stat(path); err == nil && os.SameFile(own, file) {
				return fmt.Errorf("%w: --alerts-path %s is the database's own file", errUsage, cell(path))
			}
		}
	}
	if err := report.HoldsAlerts(path); err != nil {
		return err
	}
	return underLock(ctx, e, o.db, func(s *store.Store) error {
		now := e.Now().UnixMicro()
		n, kept, found, err := 0, "", report.Reconciled{}, error(nil)
		if o.rebuild {
			n, kept, err = report.Rewrite(ctx, s, path, now)
		} else if found, err = report.Reconcile(ctx, s, path, now); err == nil {
			sayIgnored(e.log, found, path)
			n, err = report.Export(ctx, s, path, now)
		}
		if err == nil {
			_, err = io.WriteString(e.Stdout, fmt.Sprintf("%d alert(s) written to %s\n", n, cell(path)))
		}
		if err == nil && kept != "" {
			e.log.Warn(fmt.Sprintf("%s had lines that are not alerts of the database: it is kept as %s", cell(path), cell(kept)))
		}
		if err == nil && sizeOf(path) < 0 {
			e.log.Warn(fmt.Sprintf("%s is not there: unless it was rotated away, write all alerts of the database to it with --rebuild", cell(path)))
		}
		return err
	})
}

// sayIgnored warns of lines that would have kept later alerts from firing.
func sayIgnored(log *slog.Logger, found report.Reconciled, path string) {
	if found.Ignored > 0 {
		log.Warn(fmt.Sprintf("ignored %d alert(s) in %s: each has the dedup_key of another alert, or an hour that has not begun", found.Ignored, path))
	}
}

func isDirectory(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
