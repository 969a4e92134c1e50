package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/cis490/fleet-health/store"
	"github.com/spf13/cobra"
)

func backupCommand(e *Env) *cobra.Command {
	var db string
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "copy the database to a new FILE, while passes run",
		Long: `Copy the database to a new FILE, and check the copy. Passes may run meanwhile. Do not
use cp: its copy may lack rows that are still in the write-ahead log. Every user who
may read the database may make a backup.

To restore a backup, stop the timer, put the backup in place of the database, remove
-wal and -shm beside it, and start the timer. The next pass reads everything newer.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runBackup(cmd.Context(), db, args[0], e)
		},
	}
	cmd.Flags().StringVar(&db, "db", defaultDB, "the database")
	return cmd
}

// runBackup copies the database to a new file, and prints its size.
func runBackup(ctx context.Context, db, file string, e *Env) error {
	if err := refuseRoot(filepath.Dir(file)); err != nil {
		return err
	}
	size, err := store.Backup(ctx, db, file)
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("stopped by a signal: %s was not made", file)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.Stdout, "%s: %d bytes, checked\n", cell(file), size)
	return err
}
