package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/cis490/fleet-health/deploy"
	"github.com/cis490/fleet-health/detect"
	"github.com/cis490/fleet-health/ingest"
	"github.com/cis490/fleet-health/report"
	"github.com/cis490/fleet-health/store"
	"github.com/cis490/fleet-health/store/fileowner"
	"github.com/cis490/fleet-health/store/isotime"
	"github.com/cis490/fleet-health/store/shellword"
	"golang.org/x/sys/unix"
)

// foreignUser adds a check whose state is unknown: another user's permissions say
// nothing about the service.
func (d *doctor) foreignUser(name string) {
	d.found(name, report.CheckUnknown, "sudo cis490-fleet-health doctor", "what %s may do only root can find out", d.user.Username)
}

func (d *doctor) index() {
	err := ingest.Readable(d.o.index)
	switch {
	case err != nil && d.foreign:
		d.foreignUser("index")
	case errors.Is(err, fs.ErrNotExist):
		d.problem("index", "systemctl status "+shellword.Quote(d.o.unit), "%s: has the receiver made it, and is the path right?", err)
	case errors.Is(err, fs.ErrPermission):
		d.problem("index", "namei -l "+shellword.Quote(d.o.index), "%s; its group must be able to read it, and the service be in that group", err)
	case err != nil:
		d.problem("index", "", "%s", err)
	default:
		d.ok("index", "%s can be read%s", d.o.index, d.changed(d.o.index))
	}
}

// changed returns a clause that says how long ago a file was last written to.
func (d *doctor) changed(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	return ", last written " + report.Age(d.now-info.ModTime().UnixMicro()) + " ago"
}

func (d *doctor) journal(ctx context.Context) {
	if d.o.journal == "none" || d.o.export != "" {
		return
	}
	at, leftOut, err := ingest.NewestEntry(ctx, ingest.JournalOptions{Unit: d.o.unit, Directory: d.o.directory, Timeout: d.o.journalTimeout})
	switch {
	case (err != nil || at == 0) && d.foreign:
		d.foreignUser("journal")
	case errors.Is(err, fs.ErrPermission):
		d.problem("journal", "sudo usermod -a -G systemd-journal "+d.whom(), "%s", err)
	case err != nil:
		d.problem("journal", "journalctl --verify", "%s", err)
	case leftOut != nil:
		d.found("journal", report.CheckWarning, "journalctl --verify", "%s", leftOut)
	case at == 0:
		d.found("journal", report.CheckWarning, "systemctl status "+shellword.Quote(d.o.unit), "it has no entry of %s: is the name right?", d.o.unit)
	default:
		d.ok("journal", "can be read, the newest entry of %s is from %s ago", d.o.unit, report.Age(d.now-at))
	}
}

func (d *doctor) whom() string {
	if d.user == nil {
		return "$USER"
	}
	return d.user.Username
}

// state checks the directory of the database, and the owners of its files. there is
// false if nothing in the directory can be checked.
func (d *doctor) state() (there bool) {
	dir := filepath.Dir(d.o.db)
	info, err := os.Stat(dir)
	switch {
	case d.shutOut(dir):
		return false
	case err != nil:
		d.problem("state", "sudo systemd-tmpfiles --create cis490-fleet-health.conf", "%s", err)
		return false
	case !info.IsDir():
		d.problem("state", "", "%s is not a directory", dir)
		return false
	}
	owner := uint32(os.Geteuid())
	if d.foreign {
		fmt.Sscan(d.user.Uid, &owner)
	}
	var others []string
	for _, path := range []string{dir, d.o.db, d.o.db + "-wal", d.o.db + "-shm", d.o.db + ".lock", d.o.alerts} {
		if info, err := os.Lstat(path); err == nil && info.Sys().(*syscall.Stat_t).Uid != owner && !slices.Contains(others, shellword.Quote(path)) {
			others = append(others, shellword.Quote(path))
		}
	}
	switch {
	case len(others) > 0 && d.user != nil:
		d.problem("state", "sudo chown -h "+d.user.Username+": "+strings.Join(others, " "), "not all of it belongs to %s: a command was run as another user", d.user.Username)
	case !d.foreign && errors.Is(unix.Access(dir, unix.W_OK), unix.EACCES):
		d.problem("state", "ls -ld "+shellword.Quote(dir), "%s cannot be written to", dir)
	case !d.foreign && errors.Is(unix.Access(dir, unix.W_OK), unix.EROFS):
		d.problem("state", "dmesg | tail", "the file system of %s is read-only", dir)
	default:
		d.ok("state", "%s, mode %04o", dir, info.Mode().Perm())
	}
	return true
}

// shutOut reports whether this user, who is not the service's, may not read the
// database.
func (d *doctor) shutOut(dir string) bool {
	if d.user != nil && !d.foreign {
		return false
	}
	closed := dir
	if !errors.Is(unix.Access(dir, unix.R_OK|unix.X_OK), unix.EACCES) {
		closed = d.o.db
		if !errors.Is(unix.Access(closed, unix.R_OK), unix.EACCES) {
			return false
		}
	}
	me := "$USER"
	if u, err := user.Current(); err == nil {
		me = u.Username
	}
	if group := readers(closed); group != "" {
		d.problem("state", "sudo usermod -aG "+group+" "+me, "%s may not read %s; after that command log in again", me, closed)
	} else {
		d.problem("state", "sudo cis490-fleet-health doctor", "%s may not read %s", me, closed)
	}
	return true
}

// readers returns the group that may read a path: the service's if nothing is known of
// the path, "" if only its owner or root's group may read it.
func readers(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return deploy.User
	}
	_, group := fileowner.Names(path)
	if info.Mode().Perm()&0o040 == 0 || group == "root" {
		return ""
	}
	return group
}

// Free space in bytes: below littleSpace passes will fail soon, below noSpace they
// fail. A pass writes less than 1 MiB, but more if it has a backlog.
const (
	littleSpace = 64 << 20
	noSpace     = 4 << 20
)

func (d *doctor) disk() {
	dir := filepath.Dir(d.o.db)
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		d.found("disk", report.CheckUnknown, "", "%s: %s", dir, err)
		return
	}
	free := int64(fs.Bavail) * int64(fs.Bsize)
	size := sizeOf(d.o.db)
	prune := d.withPaths("prune --before 30d --dry-run", "db")
	switch {
	case free < noSpace || fs.Files > 0 && fs.Ffree == 0:
		d.problem("disk", prune, "%s free below %s: passes fail", report.Bytes(free), dir)
	case free < littleSpace:
		d.problem("disk", prune, "%s free below %s: passes will fail soon", report.Bytes(free), dir)
	case free < size:
		d.found("disk", report.CheckWarning, prune, "%s free below %s: no room for the copy of %s that an upgrade makes", report.Bytes(free), dir, report.Bytes(size))
	case size < 0:
		d.ok("disk", "%s free", report.Bytes(free))
	default:
		d.ok("disk", "%s free, the database has %s", report.Bytes(free), report.Bytes(size))
	}
}

// database checks every page of the database, and then its content.
func (d *doctor) database(ctx context.Context) {
	s, err := store.OpenReadOnly(ctx, d.o.db)
	if err == nil {
		defer s.Close()
		err = s.Check(ctx)
	}
	switch {
	case errors.Is(err, store.ErrCorrupt):
		d.problem("database", d.withPaths("rebuild", "db", "index-path", "alerts-path"), "%s", err)
		return
	case errors.Is(err, store.ErrPath):
		d.problem("database", "sudo systemctl start "+deploy.Service, "%s", err)
		return
	case err != nil:
		d.problem("database", "", "%s", err)
		return
	}
	err = s.View(ctx, func(tx *store.Tx) error { return d.content(tx) })
	if err != nil {
		d.problem("database", "", "%s", err)
	}
}

// sinks adds a check for each sink that fails, and one for all others.
func (d *doctor) sinks(tx *store.Tx) error {
	list, err := tx.Sinks()
	well := 0
	for _, sink := range list {
		if trouble := report.SinkTrouble(&sink); trouble != "" {
			d.problem("notify", d.withPaths("notify --test"), "%s: %s", sink.Label, trouble)
		} else {
			well++
		}
	}
	if well > 0 {
		d.ok("notify", "%d sink(s) of %d were told all", well, len(list))
	}
	return err
}

// heldBack adds a check for each detector that is held back, and for the clock if it is
// the reason.
func (d *doctor) heldBack(tx *store.Tx) error {
	index, journal, err := tx.Stamps(d.now)
	if err != nil {
		return err
	}
	steady, err := tx.SteadyClock(d.now)
	if err != nil {
		return err
	}
	byIndex, byJournal := detect.JudgeClock(d.now, index, journal, steady), detect.JudgeClock(d.now, journal, index, steady)
	if d.now >= detect.EarliestClock && !(byIndex.Trusted() && byJournal.Trusted()) {
		d.problem("clock", "timedatectl", "it is behind the newest fact, of %s: symptoms are held back",
			isotime.Format(max(index.Newest, journal.Newest)))
	}
	list, err := tx.HeldBack()
	for _, h := range list {
		state := report.CheckWarning
		if d.now-h.Since > report.HeldTooLong {
			state = report.CheckProblem
		}
		d.found(h.Symptom, state, readLog, "held back for %s: %s", report.Age(d.now-h.Since), h.Reason)
	}
	return err
}

// content checks a sound database: how passes go, and whether alerts are exported.
func (d *doctor) content(tx *store.Tx) error {
	status, err := tx.Status()
	if err != nil {
		return err
	}
	d.ok("database", "sound; schema %d, %d hosts, %d alerts", status.SchemaVersion, status.Hosts, status.Alerts)
	if status.WALBytes > maxWAL {
		d.found("log", report.CheckWarning, "sudo fuser -v "+shellword.Quote(d.o.db), "%s: a reader keeps the database open", report.Bytes(status.WALBytes))
	}
	if err := d.heldBack(tx); err != nil {
		return err
	}
	if err := d.sinks(tx); err != nil {
		return err
	}
	line, stopped, err := report.Stopped(tx, d.now, report.Stale)
	if err != nil {
		return err
	}
	_, said, _ := strings.Cut(line, ": ")
	if stopped {
		d.problem("passes", "sudo systemctl start "+deploy.Service+"; "+readLog, "%s", said)
	} else {
		d.ok("passes", "%s", said)
	}
	trouble, open, err := report.Outage(tx, d.now, detect.Outages())
	if err != nil {
		return err
	}
	if open {
		d.problem("episodes", d.withPaths("incidents", "db"), "the receiver takes none: %s", trouble)
	}
	_, err = os.Lstat(d.o.alerts)
	switch {
	case status.NotExported > 0:
		d.problem("alerts", d.withPaths("alerts export", "db", "alerts-path"), "%d of %d are not in %s", status.NotExported, status.Alerts, d.o.alerts)
	case status.Alerts > 0 && errors.Is(err, fs.ErrNotExist):
		d.found("alerts", report.CheckWarning, d.withPaths("alerts export --rebuild", "db", "alerts-path"), "%s is not there: unless it was rotated away, write the %d alerts to it again", d.o.alerts, status.Alerts)
	default:
		d.ok("alerts", "all have been written to %s", d.o.alerts)
	}
	return nil
}
