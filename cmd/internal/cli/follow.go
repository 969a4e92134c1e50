package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/cis490/fleet-health/store"
	"github.com/fsnotify/fsnotify"
)

const (
	// lookAfter is the delay after a write to the database until it is looked at. A pass
	// writes many times a second.
	lookAfter = 500 * time.Millisecond
	// lookAgainAfter is the delay after that look until the next one. Readers see a commit
	// only when the disk has it, which may be some time after the last write.
	lookAgainAfter = 5 * time.Second
)

// look looks at a database. replaced means that another one has taken its place since the
// last look. The next one comes after the time that it returns, unless that is 0.
type look func(tx *store.Tx, replaced bool) (again time.Duration, err error)

// followWrites calls fn once, after each write to the database, and when wake receives a signal,
// until another signal ends ctx. While a rebuild replaces the database, it waits.
func (r *reading) followWrites(ctx context.Context, wake <-chan os.Signal, fn look) error {
	changes, err := watchDatabase(r.db)
	if err != nil {
		return fmt.Errorf("%s: waiting for writes: %w", r.db, err)
	}
	defer changes.Close()
	var file os.FileInfo // of the database that was looked at last
	wrote := false
	for {
		var again time.Duration
		found, _ := os.Stat(r.db) // before it is opened: one that replaces it meanwhile is noticed next time
		err := r.view(ctx, func(tx *store.Tx) (err error) {
			again, err = fn(tx, file != nil && !os.SameFile(file, found))
			file = found
			return err
		})
		switch {
		case isSignal(ctx, err):
			return nil
		case errors.Is(err, store.ErrPath) && file != nil && isDirectory(changes.dir):
		case err != nil:
			return err
		}
		if wrote && (again == 0 || again > lookAgainAfter) {
			again = lookAgainAfter
		}
		var ended bool
		if wrote, ended = changes.wait(ctx, wake, again); ended {
			return nil
		}
	}
}

// changes are the writes to a database.
type changes struct {
	*fsnotify.Watcher
	dir   string
	files []string // of the database
}

// watchDatabase starts to watch a database for writes.
func watchDatabase(db string) (*changes, error) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	db = filepath.Clean(db)
	c := &changes{Watcher: watcher, dir: filepath.Dir(db), files: []string{db, db + "-wal"}}
	if err := c.Add(c.dir); err != nil { // SQLite makes and removes its files
		watcher.Close()
		return nil, err
	}
	return c, nil
}

// wait waits for a write, for a signal to wake, or for a time, unless that is 0. ended means
// that ctx has ended.
func (c *changes) wait(ctx context.Context, wake <-chan os.Signal, limit time.Duration) (wrote, ended bool) {
	var over, settled <-chan time.Time
	if limit > 0 {
		over = time.After(limit)
	}
	for {
		select {
		case <-ctx.Done():
			return false, true
		case <-wake:
			return false, false
		case <-over:
			return settled != nil, false
		case <-settled:
			return true, false
		case change := <-c.Events:
			if settled == nil && (slices.Contains(c.files, change.Name) || change.Name == c.dir) {
				settled = time.After(lookAfter)
			}
		case <-c.Errors: // it has lost some changes
			return true, false
		}
	}
}
