// Package cli is the command line: a file a command, with its options, their flags
// and what it does. It imports all other rooms, and nothing imports it but main and
// the tests. The clock, the environment and the arguments enter in process.go; exit
// codes leave by exit.go; people are spoken to through voice.go, the log is log.go.
package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// environmentHelp is a template: a command names the variables of its flags, and the
// program all of them.
const environmentHelp = `{{$all := not .HasParent}}{{if or $all (.LocalFlags.Lookup "db")}}
Environment:
  FLEET_HEALTH_DB   default of --db{{if or $all (.LocalFlags.Lookup "now")}}
  FLEET_HEALTH_NOW  default of --now{{end}}
{{end}}`

// Run is the whole program: it returns the exit code.
func Run(ctx context.Context, args []string, e *Env) int {
	e.startLog()
	root := &cobra.Command{
		Use:           "cis490-fleet-health",
		Short:         "watch a fleet of lab hosts through its receiver's index and journal",
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       versionText(e),
		// They would make two more lines of the one that says what is wrong.
		DisableSuggestions: true,
	}
	root.SetUsageTemplate(root.UsageTemplate() + environmentHelp + exitHelp)
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return fromEnvironment(cmd.Flags(), e) }
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; `%s --help` has the flags", err, cmd.CommandPath())}
	})
	root.SetOut(e.Stdout)
	root.SetErr(e.Stderr)
	root.SetArgs(args)
	root.AddCommand(passCommand(e), rebuildCommand(e), pruneCommand(e), backupCommand(e), doctorCommand(e), demoCommand(e), reportCommand(e), alertsCommand(e),
		statusCommand(e), queryCommand(e), schemaCommand(e), manCommand(e), versionCommand(e))
	sayUsage(root)
	refuseUnknownTopics(root)
	cmd, err := root.ExecuteContextC(ctx)
	if unknown := unknownCommand(root, args); err != nil && unknown != nil {
		err = unknown
	}
	sayError(e, cmd, err)
	return exitCode(err)
}

// sayUsage makes each command that refuses its arguments say where to look.
func sayUsage(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		sayUsage(sub)
	}
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return usageError{fmt.Errorf("%w; `%s --help` tells what it takes", err, cmd.CommandPath())}
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
	return usageError{fmt.Errorf("%w%s; `%s --help` has them all", err, didYouMean(near), root.Name())}
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
			cmd.Args = noArgs
			cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
			for _, shell := range cmd.Commands() {
				shell.Args = noArgs
			}
		}
	}
}

// noArgs is cobra.NoArgs, whose error is one of usage.
func noArgs(cmd *cobra.Command, args []string) error {
	if err := cobra.NoArgs(cmd, args); err != nil {
		return usageError{err}
	}
	return nil
}
