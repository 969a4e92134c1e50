package cli

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/cis490/fleet-health/report"
	"github.com/cis490/fleet-health/store"
	"github.com/cis490/fleet-health/store/isotime"
	"golang.org/x/sys/unix"
)

// holder names the process that holds the lock. The kernel lists locks by device and
// inode, but the sandbox of the service hides the list.
func (l *passLock) holder() string {
	const unknown = "another process (`sudo lslocks` has its name)"
	info, err := l.Stat()
	if err != nil {
		return unknown
	}
	stat := info.Sys().(*syscall.Stat_t)
	file := fmt.Sprintf("%02x:%02x:%d", unix.Major(stat.Dev), unix.Minor(stat.Dev), stat.Ino)
	pid := ""
	// The list is read in pieces, and can lack a line if another lock ends meanwhile.
	for try := 0; try < 5 && pid == ""; try++ {
		locks, err := os.ReadFile("/proc/locks")
		if err != nil {
			return unknown
		}
		pid = lockedBy(string(locks), file)
	}
	if pid == "" {
		return unknown
	}
	name, err := os.ReadFile("/proc/" + pid + "/comm")
	if err != nil {
		return "process " + pid
	}
	return fmt.Sprintf("process %s (%s)", pid, cell(strings.TrimSuffix(string(name), "\n")))
}

// lockedBy returns the process that holds a flock on a file by the lines of /proc/locks;
// "" if there is none. The lines of processes that wait have an arrow as second word.
func lockedBy(locks, file string) (pid string) {
	for line := range strings.Lines(locks) {
		f := strings.Fields(line)
		if len(f) < 6 || f[1] != "FLOCK" || f[5] != file {
			continue
		}
		if n, err := strconv.Atoi(f[4]); err == nil && n > 0 { // not one of another namespace
			return f[4]
		}
	}
	return ""
}

// yield leaves the work to the process that holds the lock. It fails if that process has
// stored nothing for report.Stale.
func (o *passOptions) yield(ctx context.Context, e *Env, lock *passLock) error {
	if o.rebuild {
		return fmt.Errorf("%s is locked by %s: nothing was moved; run rebuild again when it has ended", o.db, lock.holder())
	}
	last := o.lastSign(ctx, e.Now())
	if o.now-last >= report.Stale {
		// It may just have taken the lock, and not yet set the time of the file.
		time.Sleep(100 * time.Millisecond)
		last = o.lastSign(ctx, e.Now())
	}
	if o.now-last >= report.Stale {
		e.log.Warn(fmt.Sprintf("no pass since %s: %s has locked %s, and has stored nothing for %s; end it",
			isotime.Format(last), lock.holder(), o.db, report.Age(o.now-last)))
		return errSaid
	}
	e.log.Info(fmt.Sprintf("another pass is running on %s; this one leaves it the work", o.db))
	return nil
}

// lastSign returns when a pass last took the lock or wrote to the database, in
// microseconds on the clock of --now; now if the files do not say. Readers change none
// of these times. A pass that reads a backlog changes them again and again.
func (o *passOptions) lastSign(ctx context.Context, clock time.Time) int64 {
	var last time.Time
	for _, suffix := range []string{"", "-wal", ".lock"} {
		// A time in the future is from before the clock went back, and says nothing.
		if info, err := os.Stat(o.db + suffix); err == nil && info.ModTime().After(last) && info.ModTime().Before(clock.Add(time.Minute)) {
			last = info.ModTime()
		}
	}
	if last.IsZero() {
		return o.now
	}
	ahead := o.now - clock.UnixMicro()
	if o.nowGiven {
		if s, err := store.OpenReadOnly(ctx, o.db); err == nil {
			defer s.Close()
			s.View(ctx, func(tx *store.Tx) error {
				p, ok, err := tx.LastPass()
				if ok {
					ahead = p.AsOf - p.StartedAt
				}
				return err
			})
		}
	}
	return last.UnixMicro() + ahead
}
