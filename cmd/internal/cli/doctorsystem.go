package cli

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/cis490/fleet-health/cmd/internal/notify"
	"github.com/cis490/fleet-health/deploy"
	"github.com/cis490/fleet-health/detect"
	"github.com/cis490/fleet-health/report"
	"github.com/cis490/fleet-health/store/isotime"
	"github.com/cis490/fleet-health/store/shellword"
	"golang.org/x/sys/unix"
)

// oldestSystemd is the oldest version whose journal the tests read.
const oldestSystemd = 252

// readLog shows the log of the last passes.
const readLog = "journalctl -u cis490-fleet-health -n 30"

// systemd checks its version, and asks for the state of the service.
func (d *doctor) systemd(ctx context.Context) {
	out, err := exec.CommandContext(ctx, "journalctl", "--version").Output()
	version := ""
	if words := strings.Fields(string(out)); err == nil && len(words) > 1 {
		version = words[1]
	}
	number, _ := strconv.Atoi(version)
	switch {
	case errors.Is(err, exec.ErrNotFound):
		d.problem("systemd", "sudo apt install systemd", "there is no journalctl in PATH: no journal can be read")
		return
	case err != nil:
		d.problem("systemd", "", "journalctl --version: %s", err)
		return
	case number < oldestSystemd:
		d.found("systemd", report.CheckWarning, "", "version %s is older than %d, the oldest that is known to work", version, oldestSystemd)
	default:
		d.ok("systemd", "version %s", version)
	}
	d.service, err = deploy.AskUnit(ctx, deploy.Service, "Result", "ExecMainStatus", "ExecMainExitTimestamp", "NeedDaemonReload", "User", "SupplementaryGroups")
	if err != nil {
		d.found("service", report.CheckUnknown, "", "%s", err)
		return
	}
	d.installed = d.service["LoadState"] != "not-found"
	if !d.installed {
		d.found("service", report.CheckWarning, "", "%s is not installed: nothing here runs a pass, unless cron does", deploy.Service)
	}
}

// units checks the service and its timer.
func (d *doctor) units(ctx context.Context) {
	switch s := d.service; {
	case s["LoadState"] != "loaded":
		d.problem("service", "systemctl cat "+deploy.Service, "%s is %s", deploy.Service, s["LoadState"])
	case s["NeedDaemonReload"] == "yes":
		d.problem("service", "sudo systemctl daemon-reload", "%s has changed on disk", deploy.Service)
	case s["Result"] == "exit-code":
		d.problem("service", readLog, "its last pass ended with exit code %s", s["ExecMainStatus"])
	case s["Result"] != "success":
		d.problem("service", readLog, "its last pass did not end well: %s", s["Result"])
	case s["ActiveState"] == "activating":
		d.ok("service", "a pass is running")
	case s["ExecMainExitTimestamp"] == "":
		d.ok("service", "no pass has run since the machine has started")
	default:
		d.ok("service", "its last pass ended well, %s", s["ExecMainExitTimestamp"])
	}
	if next, ok := d.timer(ctx, "timer", deploy.Timer, "no pass is made"); ok {
		d.ok("timer", "active, next at %s", cmp.Or(next, "the end of the pass that runs"))
	}
}

// timer checks a timer, without which something is not done. ok means that nothing was found;
// next is then when it elapses, "" while its service runs.
func (d *doctor) timer(ctx context.Context, check, name, without string) (next string, ok bool) {
	timer, err := deploy.AskUnit(ctx, name, "NextElapseUSecRealtime")
	switch {
	case err != nil:
		d.found(check, report.CheckUnknown, "", "%s", err)
	case timer["UnitFileState"] == "masked":
		d.problem(check, "sudo systemctl unmask "+name+" && sudo systemctl enable --now "+name, "%s is masked: %s", name, without)
	case timer["ActiveState"] != "active":
		d.problem(check, "sudo systemctl enable --now "+name, "%s is %s: %s", name, timer["ActiveState"], without)
	case timer["UnitFileState"] != "enabled":
		d.problem(check, "sudo systemctl enable "+name, "%s is %s: after a reboot %s", name, cmp.Or(timer["UnitFileState"], "not enabled"), without)
	default:
		return timer["NextElapseUSecRealtime"], true
	}
	return "", false
}

// notify checks the file of sinks, and the timer that tries them again. Without the file there
// is nothing to check.
func (d *doctor) notify(ctx context.Context) {
	info, err := os.Stat(defaultSinks)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err == nil {
		_, err = notify.ReadConfig(defaultSinks, detect.AllSymptoms())
	}
	switch denied := errors.Is(err, fs.ErrPermission); {
	case denied && d.foreign:
		d.foreignUser("notify")
		return
	case denied || err != nil && notify.OpenToOthers(info.Mode()):
		d.problem("notify", "sudo chown root:"+deploy.User+" "+defaultSinks+" && sudo chmod 0640 "+defaultSinks, "%s", err)
		return
	case err != nil:
		d.problem("notify", "sudoedit "+defaultSinks, "%s", err)
		return
	}
	d.timer(ctx, "notify", deploy.NotifyTimer, "nothing is sent again")
}

// account checks the user of the service and its groups.
func (d *doctor) account() {
	const mend = "sudo systemd-sysusers cis490-fleet-health.conf"
	name := cmp.Or(d.service["User"], "root")
	var err error
	if d.user, err = user.Lookup(name); err != nil {
		d.problem("user", mend, "there is no user %s", name)
		return
	}
	ids, err := d.user.GroupIds()
	if err != nil {
		d.found("groups", report.CheckUnknown, "", "%s", err)
		return
	}
	names := []string{}
	for _, name := range strings.Fields(d.service["SupplementaryGroups"]) {
		g, err := user.LookupGroup(name)
		if err != nil {
			d.problem("groups", mend, "there is no group %s, but the service must be in it", name)
			return
		}
		ids = append(ids, g.Gid)
	}
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		if g, err := user.LookupGroupId(id); err == nil {
			names = append(names, g.Name)
		}
		if n, err := strconv.Atoi(id); err == nil {
			d.groups = append(d.groups, n)
		}
	}
	d.ok("user", "%s, in the groups %s", d.user.Username, strings.Join(names, " "))
}

// become makes root the user of the service. Other users stay who they are.
func (d *doctor) become() {
	if d.user == nil {
		return
	}
	uid, err := strconv.Atoi(d.user.Uid)
	if err == nil && os.Geteuid() == 0 && uid != 0 {
		var gid int
		if gid, err = strconv.Atoi(d.user.Gid); err == nil {
			err = cmp.Or(syscall.Setgroups(d.groups), syscall.Setgid(gid), syscall.Setuid(uid))
		}
	}
	if err != nil {
		d.found("user", report.CheckUnknown, "", "cannot become %s: %s", d.user.Username, err)
	}
	d.foreign = os.Geteuid() != uid
}

// receiver checks the unit whose journal is read.
func (d *doctor) receiver(ctx context.Context) {
	if d.service == nil || d.o.journal == "none" {
		return
	}
	unit, err := deploy.AskUnit(ctx, d.o.unit)
	switch {
	case err != nil:
		d.found("receiver", report.CheckUnknown, "", "%s", err)
	case unit["LoadState"] == "not-found":
		d.found("receiver", report.CheckWarning, "sudoedit "+deploy.DefaultsFile, "there is no unit %s here: is --journal-unit right?", d.o.unit)
	case unit["ActiveState"] == "inactive" || unit["ActiveState"] == "failed":
		d.problem("receiver", "systemctl status "+shellword.Quote(d.o.unit), "%s is %s: no host can ship", d.o.unit, unit["ActiveState"])
	case unit["ActiveState"] != "active":
		d.found("receiver", report.CheckWarning, "systemctl status "+shellword.Quote(d.o.unit), "%s is %s: no host can ship", d.o.unit, unit["ActiveState"])
	default:
		d.ok("receiver", "%s is active", d.o.unit)
	}
}

// clock asks the kernel whether its clock is synchronised.
func (d *doctor) clock() {
	state, err := unix.Adjtimex(&unix.Timex{})
	switch {
	case d.now < detect.EarliestClock:
		d.problem("clock", "timedatectl", "it says %s", isotime.Format(d.now))
	case err != nil:
		d.found("clock", report.CheckUnknown, "", "adjtimex: %s", err)
	case state == unix.TIME_ERROR:
		d.found("clock", report.CheckWarning, "sudo timedatectl set-ntp true && timedatectl timesync-status", "nothing keeps it right: it is not synchronised")
	default:
		d.ok("clock", "synchronised")
	}
}
