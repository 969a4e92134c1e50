package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/cis490/fleet-health/store/fileowner"
	"github.com/cis490/fleet-health/store/shellword"
)

// refuseRoot returns an error if this is root and other users may change the directory or
// the way to it. They could not write to root's files there, and could lead root to any
// other place with a link.
func refuseRoot(dir string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	if uid, ok := fileowner.UID(dir); ok && uid != 0 {
		owner, _ := fileowner.Names(dir)
		return fmt.Errorf("%w: %s belongs to %s, who could not write to root's files: put `sudo -u %s` before the command",
			errUsage, dir, owner, shellword.Quote(owner))
	}
	if path := strangeParent(dir); path != "" {
		return fmt.Errorf("%w: other users than root may change %s, and could lead root elsewhere: name a directory that only root may write to, up to /", errUsage, path)
	}
	return nil
}

// strangeParent returns the first directory or link on the way to dir that another user
// than root may change; "" if there is none. In a sticky directory like /tmp nobody may
// rename the files of others.
func strangeParent(dir string) string {
	top, _ := fileowner.UID("/") // not 0 in a user namespace
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
				uid, mode := info.Sys().(*syscall.Stat_t).Uid, info.Mode()
				shared := mode.IsDir() && mode.Perm()&0o022 != 0 && mode&os.ModeSticky == 0
				if uid != 0 && uid != top || shared {
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
