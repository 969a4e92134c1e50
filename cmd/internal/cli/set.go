package cli

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cis490/fleet-health/detect"
	"github.com/cis490/fleet-health/report"
	"github.com/cis490/fleet-health/store"
	"github.com/spf13/cobra"
)

func setCommand(e *Env) *cobra.Command {
	var o acting
	cmd := &cobra.Command{
		Use:   "set HOST NAME=VALUE...",
		Short: "set thresholds of the detectors for one host",
		Long: `Set thresholds of the detectors for one host, from the next pass on. For all other hosts
the flags of the pass hold. show lists what is set, unset takes it back.

` + settingsHelp(),
		Example: "  cis490-fleet-health set lab-03 silent-threshold=90m --note 'ships when the rack is idle'\n" +
			"  cis490-fleet-health set lab-05 fatal-min-count=5 overdue=off",
		Args:              cobra.MinimumNArgs(2),
		RunE:              func(cmd *cobra.Command, args []string) error { return runSet(cmd.Context(), &o, args[0], args[1:], e) },
		ValidArgsFunction: o.completeSettings(e, "="),
	}
	o.flags(cmd)
	return cmd
}

func unsetCommand(e *Env) *cobra.Command {
	var o acting
	cmd := &cobra.Command{
		Use:   "unset HOST NAME...",
		Short: "undo set: the thresholds of the pass hold for the host again",
		Long: `Take back what was set for a host, from the next pass on. What held before stays in
operator_log.`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runUnset(cmd.Context(), &o, args[0], args[1:], e)
		},
		ValidArgsFunction: o.completeSettings(e, ""),
	}
	o.flags(cmd)
	return cmd
}

func showSettingsCommand(e *Env) *cobra.Command {
	var o reading
	cmd := &cobra.Command{
		Use:   "show [HOST...]",
		Short: "show what is set for hosts, since when, and by whom",
		Long: `Show which thresholds of the detectors were set for hosts, since when, by whom and why:
of all hosts, or of those that are named.`,
		RunE:              func(cmd *cobra.Command, args []string) error { return runShowSettings(cmd.Context(), &o, args, e) },
		ValidArgsFunction: o.completeHosts(e),
	}
	o.dbFlag(cmd)
	o.formatFlag(cmd)
	o.zoneFlags(cmd)
	return cmd
}

// settingsHelp lists what may be set.
func settingsHelp() string {
	var text strings.Builder
	for _, s := range detect.Settings() {
		fmt.Fprintf(&text, "  %-24s %s\n", s.Name+"="+[]string{"TIME", "N", "on|off"}[s.Kind], s.Help)
	}
	return strings.TrimSuffix(text.String(), "\n")
}

// setting returns the setting of a typed name.
func setting(name string) (detect.Setting, error) {
	all := detect.Settings()
	var names []string
	for _, s := range all {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return detect.Setting{}, fmt.Errorf("%w: there is no setting %q, only %s", errUsage, name, strings.Join(names, ", "))
}

// parseSetting parses the value of a setting.
func parseSetting(s detect.Setting, text string) (value int64, err error) {
	switch s.Kind {
	case detect.Switch:
		if text != "on" && text != "off" {
			return 0, fmt.Errorf("%w: %s=%q is neither on nor off", errUsage, s.Name, text)
		}
		if text == "on" {
			value = 1
		}
		return value, nil
	case detect.Count:
		value, err = strconv.ParseInt(text, 10, 64)
		if err != nil || value < s.Least || value > s.Most {
			return 0, fmt.Errorf("%w: %s=%q is not a number from %d to %d", errUsage, s.Name, text, s.Least, s.Most)
		}
		return value, nil
	}
	value, ok := parseLength(text)
	if !ok || value < s.Least || value > s.Most {
		return 0, fmt.Errorf("%w: %s=%q is not a length of time from %d min to %d days, like 90m, 4h or 2d", errUsage, s.Name, text,
			s.Least/store.Minute, s.Most/store.Hour/24)
	}
	return value, nil
}

// runSet sets thresholds for a host.
func runSet(ctx context.Context, o *acting, typed string, assignments []string, e *Env) error {
	if err := o.check(e, ""); err != nil {
		return err
	}
	var acts []store.Act
	var names []string
	for _, a := range assignments {
		name, text, ok := strings.Cut(a, "=")
		if !ok {
			return fmt.Errorf("%w: %q is not NAME=VALUE, like silent-threshold=90m; `show` shows what is set", errUsage, a)
		}
		s, err := setting(name)
		if err != nil {
			return err
		}
		value, err := parseSetting(s, text)
		if err != nil {
			return err
		}
		if slices.Contains(names, name) {
			return fmt.Errorf("%w: %s is set twice", errUsage, name)
		}
		names = append(names, name)
		acts = append(acts, store.Act{Act: store.ActSet, Setting: givenText(name), Value: given(value), Typed: givenText(text)})
	}
	return o.onHost(ctx, e, typed, func(tx *store.Tx, _ *store.HostSettings, act *store.Act) (string, error) {
		host := act.Host.String
		return cell(host) + ": " + strings.Join(assignments, ", ") + " from the next pass on" + toUndo("unset", host, names...),
			o.store(tx, act, acts)
	})
}

// runUnset takes back what was set for a host.
func runUnset(ctx context.Context, o *acting, typed string, names []string, e *Env) error {
	if err := o.check(e, ""); err != nil {
		return err
	}
	for _, name := range names {
		if _, err := setting(name); err != nil {
			return err
		}
	}
	return o.onHost(ctx, e, typed, func(tx *store.Tx, _ *store.HostSettings, act *store.Act) (string, error) {
		host := act.Host.String
		list, err := tx.Settings(host, store.MaxTime)
		if err != nil {
			return "", err
		}
		var acts []store.Act
		var undo []string
		for _, s := range list {
			if slices.Contains(names, s.Name) {
				acts = append(acts, store.Act{Act: store.ActUnset, Setting: givenText(s.Name)})
				undo = append(undo, s.Name+"="+s.Typed)
			}
		}
		if len(acts) == 0 {
			return "nothing of that is set for " + cell(host) + "; `cis490-fleet-health show` lists what is", nil
		}
		return cell(host) + ": not set any more: " + strings.Join(undo, ", ") + toUndo("set", host, undo...),
			o.store(tx, act, acts)
	})
}

// store stores acts on one host. It leaves the last one to its caller, in act.
func (o *acting) store(tx *store.Tx, act *store.Act, acts []store.Act) error {
	for n, a := range acts {
		a.At, a.Host, a.Who, a.Note = act.At, act.Host, act.Who, act.Note
		if n == len(acts)-1 {
			*act = a
			return nil
		}
		if err := tx.AddAct(a); err != nil {
			return err
		}
	}
	return nil
}

// completeSettings offers hosts, and then the names of settings, to the shell.
func (o *acting) completeSettings(e *Env, end string) cobra.CompletionFunc {
	hosts := o.completeHosts(e)
	return func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		if len(args) == 0 {
			return hosts(cmd, args, word)
		}
		var names []string
		for _, s := range detect.Settings() {
			names = append(names, s.Name+end)
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

// runShowSettings lists what is set.
func runShowSettings(ctx context.Context, o *reading, typed []string, e *Env) error {
	style, err := o.style(e)
	if err != nil {
		return err
	}
	now, err := parseNow(o.now, e)
	if err != nil {
		return err
	}
	return o.view(ctx, func(tx *store.Tx) error {
		hosts, err := knownHosts(tx, typed)
		if err != nil {
			return err
		}
		return report.Settings(tx, e.Stdout, style, hosts, now)
	})
}
