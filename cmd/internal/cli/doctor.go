package cli

import (
	"cmp"
	"context"
	"fmt"
	"os/user"
	"strings"

	"github.com/cis490/fleet-health/deploy"
	"github.com/cis490/fleet-health/report"
	"github.com/cis490/fleet-health/store"
	"github.com/cis490/fleet-health/store/shellword"
	"github.com/spf13/cobra"
)

type doctorOptions struct {
	reading
	typed passOptions // files and a unit that replace the service's; empty fields do not
}

func doctorCommand(e *Env) *cobra.Command {
	var o doctorOptions
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "say what is wrong with this installation, and how to mend it",
		Long: `Check each part of this installation. For each problem, say what to type. The parts
are the units, the flags in ` + deploy.DefaultsFile + `, the user and
its groups, the clock, the index, the journal, the state directory, the whole
database, passes, alerts and the disk. It changes nothing.

Run it as root. It first checks what only root may see, and then becomes the service
user, because that user's permissions count. It checks the files that the service's
flags name, unless you name others here.

Exit code 1 means that doctor found a problem.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runDoctor(cmd.Context(), &o, e)
		},
	}
	o.flags(cmd)
	return cmd
}

func (o *doctorOptions) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	o.formatFlag(cmd)
	o.until = "now"
	f.StringVar(&o.now, "now", "", "count ages from this `RFC3339` time instead of the clock's")
	f.StringVar(&o.typed.db, "db", "", "the database (default that of the service)")
	f.StringVar(&o.typed.index, "index-path", "", "the receiver's index (default that of the service)")
	f.StringVar(&o.typed.alerts, "alerts-path", "", "the file that alerts are appended to (default that of the service)")
	f.StringVar(&o.typed.unit, "journal-unit", "", "the receiver's systemd unit (default that of the service)")
}

// runDoctor checks the installation, and prints the checks.
func runDoctor(ctx context.Context, o *doctorOptions, e *Env) error {
	style, w, err := o.asked(e)
	if err != nil {
		return err
	}
	d := &doctor{e: e, now: w.Until}
	d.examine(ctx, o.typed)
	problems, err := report.Checks(e.Stdout, style, d.checks)
	if err == nil && problems > 0 {
		err = errSaid
	}
	return err
}

// doctor collects the checks of an installation.
type doctor struct {
	e         *Env
	now       int64 // microseconds
	o         passOptions
	service   deploy.Unit // nil without systemd
	user      *user.User  // of the service; nil if there is none
	groups    []int       // of the service
	foreign   bool        // doctor runs as another user than the service, who may have other permissions
	installed bool
	checks    []report.Check
}

// found adds a check. do is the command that mends it, "" if there is none.
func (d *doctor) found(name, state, do, format string, args ...any) {
	d.checks = append(d.checks, report.Check{Name: name, State: state, Seen: fmt.Sprintf(format, args...), Do: do})
}

func (d *doctor) ok(name, format string, args ...any) {
	d.found(name, report.CheckOK, "", format, args...)
}

func (d *doctor) problem(name, do, format string, args ...any) {
	d.found(name, report.CheckProblem, do, format, args...)
}

// examine makes all checks in an order in which later ones rest on earlier ones.
func (d *doctor) examine(ctx context.Context, typed passOptions) {
	d.ok("program", "%s, SQLite %s", cmp.Or(versionText(d.e), "without a version"), store.SQLiteVersion)
	d.systemd(ctx)
	d.flags()
	for _, o := range []struct{ path, typed *string }{{&d.o.db, &typed.db}, {&d.o.index, &typed.index},
		{&d.o.alerts, &typed.alerts}, {&d.o.unit, &typed.unit}} {
		*o.path = cmp.Or(*o.typed, *o.path)
	}
	if d.installed {
		d.units(ctx)
		d.account()
	}
	d.receiver(ctx)
	d.clock()
	d.become()
	d.index()
	d.journal(ctx)
	if d.installed {
		d.notify(ctx)
	}
	if d.state() {
		d.disk()
		d.database(ctx)
	}
}

// flags checks the flags that the service gives the pass.
func (d *doctor) flags() {
	given, err := d.o.readDefaults()
	if err == nil {
		err = d.o.check(d.e)
	}
	switch {
	case err != nil:
		d.problem("flags", "sudoedit "+deploy.DefaultsFile, "%s: %s", deploy.DefaultsFile, err)
	case len(given) > 0:
		d.ok("flags", "%s", strings.Join(given, " "))
	}
}

// sudo returns a command with the words before it that run it as the service's user.
func (d *doctor) sudo(command string) string {
	if d.user == nil {
		return command
	}
	return "sudo -u " + d.user.Username + " " + command
}

// withPaths returns a command of this program, on the files that doctor checks.
func (d *doctor) withPaths(command string, flags ...string) string {
	text := "cis490-fleet-health " + command
	for _, f := range flags {
		switch {
		case f == "db" && d.o.db != defaultDB:
			text += " --db " + shellword.Quote(d.o.db)
		case f == "index-path" && d.o.index != defaultIndex:
			text += " --index-path " + shellword.Quote(d.o.index)
		case f == "alerts-path" && d.o.alerts != defaultAlerts:
			text += " --alerts-path " + shellword.Quote(d.o.alerts)
		}
	}
	return d.sudo(text)
}
