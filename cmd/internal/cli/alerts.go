package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cis490/fleet-health/detect"
	"github.com/cis490/fleet-health/report"
	"github.com/cis490/fleet-health/store"
	"github.com/spf13/cobra"
)

// symptoms are those that alerts have.
var symptoms = []string{detect.Silent, detect.FatalOnly, detect.Unstamped}

func alertsCommand(e *Env) *cobra.Command {
	var r reading
	var f store.AlertFilter
	cmd := &cobra.Command{
		Use:   "alerts",
		Short: "show the alerts, oldest first",
		Long: `Show the alerts, oldest first; with --host, also what to do about them, below the
table. CSV and JSON have that of each alert.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.Symptom != "" && !slices.Contains(symptoms, f.Symptom) {
				return fmt.Errorf("%w: --symptom %q is none of %s", errUsage, f.Symptom, strings.Join(symptoms, ", "))
			}
			style, w, err := r.asked(e)
			if err != nil {
				return err
			}
			return r.view(cmd.Context(), func(tx *store.Tx) error {
				asked := f
				if asked.Host, err = knownAlertHost(tx, f.Host); err != nil {
					return err
				}
				return report.Alerts(tx, e.Stdout, style, w, asked)
			})
		},
	}
	r.flags(cmd, "")
	cmd.Flags().StringVar(&f.Host, "host", "", "only those of this host, and what to do about them")
	cmd.Flags().StringVar(&f.Symptom, "symptom", "", "only those of this symptom: silent, fatal-only or unstamped")
	cmd.RegisterFlagCompletionFunc("host", r.completeHosts(e))
	complete(cmd, "symptom", symptoms)
	cmd.AddCommand(exportCommand(e))
	return cmd
}

// knownAlertHost returns the stored name of a host that was typed. It refuses one
// that neither ships nor has an alert: those that were adopted from alerts.jsonl may
// be of hosts that are gone for long.
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

func exportCommand(e *Env) *cobra.Command {
	var db, alerts string
	var rebuild bool
	cmd := &cobra.Command{
		Use:   "export",
		Short: "bring alerts.jsonl up to date, as a pass does",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runExport(cmd.Context(), e, db, alerts, rebuild)
		},
	}
	cmd.Flags().StringVar(&db, "db", defaultDB, "the database")
	cmd.Flags().StringVar(&alerts, "alerts-path", defaultAlerts, "where alerts are appended")
	cmd.Flags().BoolVar(&rebuild, "rebuild", false, "write the file anew, with every alert of the database")
	return cmd
}

func runExport(ctx context.Context, e *Env, db, path string, rebuild bool) error {
	now := e.Now().UnixMicro()
	if dir := filepath.Dir(path); !isDirectory(dir) {
		return fmt.Errorf("%w: --alerts-path %s: there is no directory %s", errUsage, cell(path), cell(dir))
	}
	if err := refuseRoot(filepath.Dir(path)); err != nil {
		return err
	}
	for _, suffix := range []string{"", "-wal", "-shm", ".lock"} {
		if own, err := os.Stat(db + suffix); err == nil {
			if file, err := os.Stat(path); err == nil && os.SameFile(own, file) {
				return fmt.Errorf("%w: --alerts-path %s is the database's own file", errUsage, cell(path))
			}
		}
	}
	if err := report.HoldsAlerts(path); err != nil {
		return err
	}
	return underLock(ctx, e, db, func(s *store.Store) error {
		log := newLogger(e, levelInfo)
		n, kept, found, err := 0, "", report.Reconciled{}, error(nil)
		if rebuild {
			n, kept, err = report.Rewrite(ctx, s, path, now)
		} else if found, err = report.Reconcile(ctx, s, path, now); err == nil {
			sayIgnored(log, found, path)
			n, err = report.Export(ctx, s, path, now)
		}
		if err == nil {
			_, err = io.WriteString(e.Stdout, fmt.Sprintf("%d alert(s) written to %s\n", n, cell(path)))
		}
		if err == nil && kept != "" {
			log.say(levelWarning, "%s had lines that are no alerts of the database: it is kept as %s", cell(path), cell(kept))
		}
		if err == nil && sizeOf(path) < 0 {
			log.say(levelWarning, "%s is not there: if it was not rotated away, --rebuild writes all alerts of the database to it", cell(path))
		}
		return err
	})
}

// sayIgnored says that a file has lines that could have stopped alerts.
func sayIgnored(log *logger, found report.Reconciled, path string) {
	if found.Ignored > 0 {
		log.say(levelWarning, "ignored %d alert(s) in %s: each has the dedup_key of another alert, or an hour that has not begun", found.Ignored, path)
	}
}

func isDirectory(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
