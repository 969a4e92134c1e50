// Package cli is the command line. Each command has a file with its options, their
// flags and its work; a pass has pass.go and the files whose names begin with it. The
// package imports all other rooms, and only main and tests import it. process.go has
// the clock, the environment and the arguments; exit.go the exit codes; voice.go and
// log.go everything that goes to standard error.
package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// environmentHelp is a template. The help of a command lists the variables of its own
// flags; the help of the program lists all of them.
const environmentHelp = `{{$all := not .HasParent}}{{if or $all (.LocalFlags.Lookup "db")}}
Environment:
  FLEET_HEALTH_DB   default of --db{{if or $all (.LocalFlags.Lookup "now")}}
  FLEET_HEALTH_NOW  default of --now{{end}}
{{end}}`

// Run runs the program with these arguments, and returns its exit code.
func Run(ctx context.Context, args []string, e *Env) int {
	e.startLog()
	root := &cobra.Command{
		Use:           "cis490-fleet-health",
		Short:         "watch a fleet of lab hosts through its receiver's index and journal",
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       versionText(e),
		// Suggestions would turn one error line into three.
		DisableSuggestions: true,
	}
	root.SetUsageTemplate(root.UsageTemplate() + environmentHelp + exitHelp)
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return fromEnvironment(cmd.Flags(), e) }
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; `%s --help` lists the flags", err, cmd.CommandPath())}
	})
	root.SetOut(e.Stdout)
	root.SetErr(e.Stderr)
	root.SetArgs(args)
	root.AddCommand(passCommand(e), rebuildCommand(e), pruneCommand(e), backupCommand(e), doctorCommand(e), demoCommand(e), reportCommand(e), watchCommand(e), incidentsCommand(e), alertsCommand(e), notifyCommand(e),
		ackCommand(e), unackCommand(e), muteCommand(e), unmuteCommand(e), retireCommand(e), unretireCommand(e), setCommand(e), unsetCommand(e), showSettingsCommand(e), tuneCommand(e), replayCommand(e), statusCommand(e), metricsCommand(e), queryCommand(e), schemaCommand(e), manCommand(e), versionCommand(e))
	sayUsage(root)
	refuseUnknownTopics(root)
	cmd, err := root.ExecuteContextC(ctx)
	if unknown := unknownCommand(root, args); err != nil && unknown != nil {
		err = unknown
	}
	sayError(e, cmd, err)
	return exitCode(err)
}

// sayUsage adds the way to the help to the error of each command that refuses its
// arguments.
func sayUsage(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		sayUsage(sub)
	}
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return usageError{fmt.Errorf("%w; `%s --help` lists its arguments", err, cmd.CommandPath())}
			}
			return nil
		}
	}
}

// unknownCommand returns the error of a command line that names no command; nil if it
// names one.
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
	return usageError{fmt.Errorf("%w%s; `%s --help` lists all commands", err, didYouMean(near), root.Name())}
}

// refuseUnknownTopics makes cobra's own commands fail on an unknown name. By default
// they print their help and exit with 0.
func refuseUnknownTopics(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "help":
			cmd.Args = func(_ *cobra.Command, args []string) error { return unknownCommand(root, args) }
		case "completion":
			cmd.Args = noArgs
			cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
			for _, shell := range cmd.Commands() {
				shell.Args = noArgs
			}
		}
	}
}

// noArgs is cobra.NoArgs with an error of usage.
func noArgs(cmd *cobra.Command, args []string) error {
	if err := cobra.NoArgs(cmd, args); err != nil {
		return usageError{err}
	}
	return nil
}
