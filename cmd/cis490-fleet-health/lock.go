package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cis490/fleet-health/store"
	"github.com/gofrs/flock"
)

// takeLock takes the lock of the pass, beside the database. locked is false if
// another process has it.
func takeLock(db string) (lock *flock.Flock, locked bool, err error) {
	dir := filepath.Dir(db)
	if err := refuseRoot(dir); err != nil {
		return nil, false, err
	}
	lock = flock.New(db+".lock", flock.SetPermissions(0o640))
	locked, err = lock.TryLock()
	if errors.Is(err, fs.ErrPermission) {
		owner, _ := store.Whose(dir)
		out := "put `sudo -u " + shellQuoted(owner) + "` before the command"
		if uid, _, ok := store.OwnerOf(dir); ok && int(uid) == os.Geteuid() {
			out = fmt.Sprintf("type `sudo chown %s: %s`", shellQuoted(owner), shellQuoted(db+".lock"))
		}
		return nil, false, fmt.Errorf("%w: %w%s; %s", store.ErrPath, err, store.Belonging(db+".lock"), out)
	}
	if err != nil {
		return nil, false, ran(fmt.Errorf("lock: %w", err))
	}
	return lock, locked, nil
}

// refuseRoot refuses root where a directory is another user's, who could not write
// what root would leave there: the next pass would fail.
func refuseRoot(dir string) error {
	if uid, _, ok := store.OwnerOf(dir); os.Geteuid() != 0 || !ok || uid == 0 {
		return nil
	}
	owner, _ := store.Whose(dir)
	return fmt.Errorf("%w: %s belongs to %s, who could not write what root leaves there: put `sudo -u %s` before the command",
		errUsage, dir, owner, shellQuoted(owner))
}

// underLock runs fn on a database that is there, opened for writing, while no
// pass runs.
func underLock(ctx context.Context, e *env, db string, fn func(*store.Store) error) error {
	if _, err := os.Stat(db); err != nil {
		return ran(fmt.Errorf("%w: %w", store.ErrPath, err))
	}
	lock, locked, err := takeLock(db)
	if err != nil {
		return err
	}
	if !locked {
		return ran(fmt.Errorf("a pass is running on %s: try again when it has ended", db))
	}
	defer lock.Unlock()
	s, err := store.Open(ctx, db, store.Options{Now: e.now().UnixMicro()})
	if err != nil {
		return ran(err)
	}
	defer s.Close()
	sayMigrated(newLogger(e, levelInfo), s)
	if err := fn(s); err != nil {
		return ran(err)
	}
	_, err = s.Checkpoint(context.WithoutCancel(ctx))
	return ran(err)
}

// sayMigrated tells which schema an older database has got, and where its copy is.
func sayMigrated(log *logger, s *store.Store) {
	m := s.Migrated()
	if m.To == 0 {
		return
	}
	text := fmt.Sprintf("migrated the database from schema %d to %d", m.From, m.To)
	if m.Copy != "" {
		text += "; a copy from before is " + m.Copy
	}
	log.say(levelInfo, "%s", text)
}
