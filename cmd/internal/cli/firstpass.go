package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cis490/fleet-health/deploy"
	"github.com/cis490/fleet-health/store"
	"github.com/cis490/fleet-health/store/shellword"
	"github.com/spf13/pflag"
)

// beforeFirstPass adds to an error the reason why a database is missing: no pass has
// run on it yet.
func beforeFirstPass(ctx context.Context, db string, err error) error {
	if !errors.Is(err, store.ErrPath) || !isDirectory(filepath.Dir(db)) {
		return err
	}
	if _, statErr := os.Stat(db); !errors.Is(statErr, fs.ErrNotExist) && sizeOf(db) != 0 {
		return err
	}
	return fmt.Errorf("%w; %s", err, noPassYet(ctx, db))
}

// noPassYet returns a sentence that says when the first pass on a database runs. The
// timer counts only for the database of the service.
func noPassYet(ctx context.Context, db string) string {
	var timer deploy.Unit
	var service passOptions
	if _, err := service.readDefaults(); err == nil && service.db == db {
		timer, _ = deploy.AskUnit(ctx, deploy.Timer, "NextElapseUSecRealtime") // nil without systemd
	}
	return "no pass has run yet: " + firstPass(timer, db)
}

func firstPass(timer deploy.Unit, db string) string {
	next := timer["NextElapseUSecRealtime"]
	switch {
	case timer["ActiveState"] == "active" && next != "":
		return "the timer starts the first one at " + next
	case timer["ActiveState"] == "active":
		return "the first one is running"
	case timer["LoadState"] == "loaded":
		return "`sudo systemctl enable --now " + deploy.Timer + "` starts the timer"
	case db == defaultDB:
		return "run one with `cis490-fleet-health pass`"
	}
	return "run one with `cis490-fleet-health pass --db " + shellword.Quote(db) + "`"
}

// readDefaults sets the options to those of the service, and returns its flags.
func (o *passOptions) readDefaults() (given []string, err error) {
	f := pflag.NewFlagSet("", pflag.ContinueOnError)
	o.flags(f)
	if given, err = deploy.Flags(deploy.DefaultsFile); err == nil {
		err = f.Parse(given)
	}
	if err == nil && f.NArg() > 0 {
		err = fmt.Errorf("%q is not a flag", f.Arg(0))
	}
	return given, err
}
