package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/cis490/fleet-health/detect"
	"github.com/cis490/fleet-health/report"
	"github.com/cis490/fleet-health/store"
	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"
)

type metricsOptions struct {
	reading
	index string
}

func metricsCommand(e *Env) *cobra.Command {
	var o metricsOptions
	cmd := &cobra.Command{
		Use:   "metrics [FILE]",
		Short: "write metrics of the fleet and of the program itself for Prometheus",
		Long: `Write the state of the fleet and of the program itself in the text format of
Prometheus: to standard output, or to FILE for the textfile collector of node_exporter.
FILE ends in .prom. It is replaced as a whole, and everybody may read it.

Ships and PUTs are those of the last hour. At most 1,000 hosts have metrics of their
own, those in trouble first; fleet_health_hosts_left_out counts the others.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runMetrics(cmd.Context(), &o, args, e)
		},
	}
	o.dbFlag(cmd)
	o.nowFlag(cmd)
	cmd.Flags().StringVar(&o.index, "index-path", defaultIndex, "the receiver's index, for the number of its bytes that are unread")
	return cmd
}

// runMetrics writes the metrics as of now.
func runMetrics(ctx context.Context, o *metricsOptions, args []string, e *Env) error {
	now, err := parseNow(o.now, e)
	if err != nil {
		return err
	}
	for _, file := range args {
		if err := checkMetricsFile(file); err != nil {
			return err
		}
	}
	// A command that fails writes no half of the metrics.
	var text bytes.Buffer
	err = o.view(ctx, func(tx *store.Tx) error {
		return report.Metrics(tx, &text, now, report.MetricsOptions{Silences: detect.Silences(), Outages: detect.Outages(), Symptoms: detect.AllSymptoms(),
			IndexBytes: sizeOf(o.index), Version: versionText(e)})
	})
	if err != nil {
		return err
	}
	if len(args) == 0 {
		_, err = e.Stdout.Write(text.Bytes())
		return err
	}
	return replaceMetrics(args[0], text.Bytes())
}

// checkMetricsFile refuses a file that node_exporter does not read, so that a typing error
// cannot replace the database.
func checkMetricsFile(file string) error {
	if filepath.Ext(file) != ".prom" {
		return fmt.Errorf("%w: %s does not end in .prom: node_exporter reads no other file", errUsage, cell(file))
	}
	if info, err := os.Lstat(file); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%w: %s is not a regular file", errUsage, cell(file))
	}
	return refuseRoot(filepath.Dir(file))
}

// replaceMetrics replaces the file as a whole, so that node_exporter never reads half of it.
// Its mode does not depend on the umask or on the old file: node_exporter runs as another
// user.
func replaceMetrics(file string, text []byte) error {
	f, err := renameio.NewPendingFile(file, renameio.WithStaticPermissions(0o644), renameio.WithTempDir(filepath.Dir(file)))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.ENOTDIR) {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	if err != nil {
		return err
	}
	defer f.Cleanup()
	if _, err := f.Write(text); err != nil {
		return err
	}
	return f.CloseAtomicallyReplace()
}
