package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/cis490/fleet-health/store"
	"github.com/cis490/fleet-health/store/fileowner"
	"github.com/cis490/fleet-health/store/shellword"
	"golang.org/x/sys/unix"
)

// lockWait is how long a command that a person typed waits for the lock, unless
// Env.BusyTimeout says otherwise. Most passes end within seconds.
const lockWait = time.Minute

// passLock is the open lock file of a pass, or of notify, beside the database. Only its owner
// may read it: flock asks for no more than that, and a reader could stop all passes.
type passLock struct {
	*os.File
	db   string
	held bool // by this process; otherwise by another one
}

// takeLock opens the lock file of passes, and takes the lock unless another process holds it.
func takeLock(db string, now time.Time) (*passLock, error) { return takeLockFile(db, db+".lock", now) }

// takeLockFile is takeLock for any lock file beside a database.
func takeLockFile(db, path string, now time.Time) (*passLock, error) {
	dir := filepath.Dir(db)
	if err := refuseRoot(dir); err != nil {
		return nil, err
	}
	f, err := openLock(path)
	if errors.Is(err, fs.ErrPermission) {
		owner, _ := fileowner.Names(dir)
		out := "put `sudo -u " + shellword.Quote(owner) + "` before the command"
		if uid, ok := fileowner.UID(dir); ok && int(uid) == os.Geteuid() {
			out = fmt.Sprintf("type `sudo chown -h %s: %s`", shellword.Quote(owner), shellword.Quote(path))
		}
		return nil, fmt.Errorf("%w: %w%s; %s", store.ErrPath, err, fileowner.Clause(path), out)
	}
	if err != nil {
		return nil, err
	}
	lock := &passLock{File: f, db: db}
	if err := lock.try(now); err != nil {
		lock.Close()
		return nil, err
	}
	return lock, nil
}

// try takes the lock unless another process holds it. The time of the file then says
// when that was.
func (l *passLock) try(now time.Time) error {
	err := unix.Flock(int(l.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil
	}
	if err == nil {
		l.held = true
		at := unix.NsecToTimeval(now.UnixNano())
		err = unix.Futimes(int(l.Fd()), []unix.Timeval{at, at})
	}
	if err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	return nil
}

// wait takes the lock as soon as another process gives it back. It gives up after
// lockWait, and at a signal.
func (l *passLock) wait(ctx context.Context, e *Env) error {
	if l.held {
		return nil
	}
	most := cmp.Or(e.BusyTimeout, lockWait)
	e.log.Info(fmt.Sprintf("%s is locked by %s: waiting up to %s for it to end", l.db, l.holder(), most))
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	retry := time.NewTicker(100 * time.Millisecond)
	defer retry.Stop()
	for !l.held {
		select {
		case <-ctx.Done():
			return nil
		case <-retry.C:
		}
		if err := l.try(e.Now()); err != nil {
			return err
		}
	}
	return nil
}

// openLock opens or makes a lock file. It returns fs.ErrPermission for another user's
// file. It takes the group's permission away, which older versions gave.
func openLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
	for _, odd := range []error{unix.ELOOP, unix.EISDIR, unix.ENXIO, unix.ENODEV} {
		if errors.Is(err, odd) {
			return nil, notALock(path)
		}
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case !info.Mode().IsRegular():
		err = notALock(path)
	case int(info.Sys().(*syscall.Stat_t).Uid) != os.Geteuid():
		err = &fs.PathError{Op: "open", Path: path, Err: unix.EACCES}
	case info.Mode().Perm() != 0o600:
		err = f.Chmod(0o600)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func notALock(path string) error {
	return fmt.Errorf("%w: the lock file %s is not a regular file; type `sudo rm -r %s`", errUsage, path, shellword.Quote(path))
}

// Close gives the lock back, if this process holds it. Closing the file is not enough: a
// child that is just being started has a copy of it.
func (l *passLock) Close() error {
	if l.held {
		unix.Flock(int(l.Fd()), unix.LOCK_UN)
	}
	return l.File.Close()
}

// underLock opens an existing database for writing, and runs fn on it while no pass
// runs.
func underLock(ctx context.Context, e *Env, db string, fn func(*store.Store) error) error {
	if _, err := os.Stat(db); err != nil {
		return fmt.Errorf("%w: %w", store.ErrPath, err)
	}
	lock, err := takeLock(db, e.Now())
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := lock.wait(ctx, e); err != nil {
		return err
	}
	if !lock.held {
		return fmt.Errorf("%s is locked by %s: try again when it has ended", db, lock.holder())
	}
	s, err := store.Open(ctx, db, store.Options{Now: e.Now().UnixMicro(), BusyTimeout: e.BusyTimeout})
	if err != nil {
		return err
	}
	defer s.Close()
	sayMigrated(e.log, s)
	if err := fn(s); err != nil {
		return err
	}
	_, err = s.Checkpoint(context.WithoutCancel(ctx))
	return err
}

// sayMigrated says what opening did to a database: restored its mark, or migrated it.
func sayMigrated(log *slog.Logger, s *store.Store) {
	m := s.Migrated()
	if m.Restored {
		text := "the database was restored from a dump: it is marked as this program's again"
		if m.Grows {
			text += ", but keeps its size when rows are pruned, until you run `PRAGMA auto_vacuum = 2; VACUUM;` in sqlite3"
		}
		log.Info(text)
	}
	if m.To == 0 {
		return
	}
	text := fmt.Sprintf("migrated the database from schema %d to %d", m.From, m.To)
	if m.Copy != "" {
		text += "; a copy from before is " + m.Copy
	}
	log.Info(text)
}
