// Command cis490-fleet-health is the memory of an episode receiver: it reads the
// receiver's index and journal as they grow, finds hosts in trouble, and writes
// alerts.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/cis490/fleet-health/ingest"
	"github.com/cis490/fleet-health/report"
	"github.com/cis490/fleet-health/store"
	"github.com/spf13/cobra"
)

// version is set when a release is built, with -ldflags -X main.version=….
// Otherwise Go's own stamp of the checkout is shown.
var version = ""

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

const environmentHelp = `
Environment:
  FLEET_HEALTH_DB   the value of --db, where it is not given
  FLEET_HEALTH_NOW  the value of --now, where it is not given
`

const exitHelp = `
Exit codes:
  0  it worked; finding a fault in the fleet is a pass that worked
  1  it failed: disk full, database locked or corrupt, a write that failed
  2  bad flags, or an input that cannot be read; what else could be done was done
`

// env is what a command has of the world.
type env struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	now            func() time.Time
	busyTimeout    time.Duration // how long a pass waits for another process's write; 0 is the store's own
}

func main() {
	syscall.Umask(0o027) // the group may read what is written, others may not
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends a pass that cannot stop, because it waits for input.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], &env{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv, now: time.Now}))
}

// run is the whole program: it returns the exit code.
func run(ctx context.Context, args []string, e *env) int {
	root := &cobra.Command{
		Use:           "cis490-fleet-health",
		Short:         "watch a fleet of lab hosts through its receiver's index and journal",
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       versionText(),
		// They would make two more lines of the one that says what is wrong.
		DisableSuggestions: true,
	}
	root.SetUsageTemplate(root.UsageTemplate() + environmentHelp + exitHelp)
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return fromEnvironment(cmd.Flags(), e) }
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w; `%s --help` has the flags", err, cmd.CommandPath())
	})
	root.SetOut(e.stdout)
	root.SetErr(e.stderr)
	root.SetArgs(args)
	root.AddCommand(passCommand(e), rebuildCommand(e), pruneCommand(e), backupCommand(e), doctorCommand(e), demoCommand(e), reportCommand(e), alertsCommand(e),
		statusCommand(e), queryCommand(e), schemaCommand(e), manCommand(e), versionCommand(e))
	sayUsage(root)
	refuseUnknownTopics(root)
	err := root.ExecuteContext(ctx)
	if unknown := unknownCommand(root, args); err != nil && unknown != nil {
		err = unknown
	}
	return exitCode(e, err)
}

// sayUsage makes each command that refuses its arguments say where to look.
func sayUsage(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		sayUsage(sub)
	}
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return fmt.Errorf("%w; `%s --help` tells what it takes", err, cmd.CommandPath())
			}
			return nil
		}
	}
}

// unknownCommand tells what is wrong with a command line that names none.
func unknownCommand(root *cobra.Command, args []string) error {
	_, rest, err := root.Find(args)
	if err == nil {
		return nil
	}
	var names, near []string
	for _, cmd := range root.Commands() {
		if cmd.IsAvailableCommand() {
			names = append(names, cmd.Name())
		}
	}
	if at := slices.IndexFunc(rest, func(arg string) bool { return !strings.HasPrefix(arg, "-") }); at >= 0 {
		near = nearest(rest[at], names, 2)
	}
	return fmt.Errorf("%w%s; `%s --help` has them all", err, didYouMean(near), root.Name())
}

// refuseUnknownTopics makes cobra's own commands fail on a name that they do not
// know; by themselves they print their help then, and exit with 0.
func refuseUnknownTopics(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "help":
			cmd.Args = func(_ *cobra.Command, args []string) error { return unknownCommand(root, args) }
		case "completion":
			cmd.Args = cobra.NoArgs
			cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		}
	}
}

// errUsage: the command line is wrong.
var errUsage = errors.New("bad usage")

// What has been said already; only the exit code is left.
var (
	errUnread = errors.New("a source could not be read") // exit 2
	errSaid   = errors.New("something is wrong")         // exit 1
)

// exitCode says an error, once, and turns it into the exit code.
func exitCode(e *env, err error) int {
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errUnread):
		return exitUsage
	case errors.Is(err, errSaid):
		return exitFailed
	}
	newLogger(e, levelInfo).say(levelError, "%s", describe(err))
	if errors.Is(err, store.ErrNewer) || errors.Is(err, store.ErrPath) || errors.Is(err, store.ErrTarget) || errors.Is(err, report.ErrAlertsPath) ||
		errors.Is(err, ingest.ErrUnread) || errors.Is(err, errUsage) || usageOf(err) || !errors.Is(err, errRan) {
		return exitUsage
	}
	return exitFailed
}

// errRan marks errors of a command that had begun to work.
var errRan = errors.New("")

// ran makes an error of a command count as its own, not as one of the flags.
func ran(err error) error {
	if err == nil {
		return nil
	}
	return ranError{err}
}

type ranError struct{ error }

func (r ranError) Unwrap() []error { return []error{r.error, errRan} }

func versionText() string {
	if info, ok := debug.ReadBuildInfo(); ok && version == "" {
		return info.Main.Version
	}
	return version
}

func versionCommand(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "print the version",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			_, err := io.WriteString(e.stdout, "cis490-fleet-health "+versionText()+"\n")
			return ran(err)
		},
	}
}
