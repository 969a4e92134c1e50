package main

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/cis490/fleet-health/store"
)

// refuseRoot refuses root where a directory is another user's. That user could not
// write to what root leaves there, and could lead root to any other place meanwhile.
func refuseRoot(dir string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	if uid, _, ok := store.OwnerOf(dir); ok && uid != 0 {
		owner, _ := store.Whose(dir)
		return fmt.Errorf("%w: %s belongs to %s, who could not write what root leaves there: put `sudo -u %s` before the command",
			errUsage, dir, owner, shellQuoted(owner))
	}
	if path := strangeParent(dir); path != "" {
		return fmt.Errorf("%w: %s is another user's, who could lead root elsewhere from there: name a directory that is root's up to /", errUsage, path)
	}
	return nil
}

// strangeParent returns the first directory or link on the way to dir that is another
// user's than root; "" if there is none.
func strangeParent(dir string) string {
	top, _, _ := store.OwnerOf("/") // not 0 where root is not root outside
	named, err := filepath.Abs(dir)
	if err != nil {
		return dir
	}
	paths := []string{named}
	if real, err := filepath.EvalSymlinks(named); err == nil {
		paths = append(paths, real)
	}
	for _, path := range paths {
		for ; ; path = filepath.Dir(path) {
			if info, err := os.Lstat(path); err == nil {
				if uid := info.Sys().(*syscall.Stat_t).Uid; uid != 0 && uid != top {
					return path
				}
			}
			if path == filepath.Dir(path) {
				break
			}
		}
	}
	return ""
}
