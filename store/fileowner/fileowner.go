// Package fileowner says to whom a file belongs, for checks and for errors. It imports
// nothing of the program.
package fileowner

import (
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// UID returns the number of the user who owns a path. ok is false if the path cannot
// be looked at.
func UID(path string) (uid uint32, ok bool) {
	stat, ok := look(path)
	if !ok {
		return 0, false
	}
	return stat.Uid, true
}

// Names returns the names of the user and of the group that own a path, as sudo -u and
// -g take them: # and the number where there is no name. They are "" if the path
// cannot be looked at.
func Names(path string) (owner, group string) {
	stat, ok := look(path)
	if !ok {
		return "", ""
	}
	uid, gid := strconv.FormatUint(uint64(stat.Uid), 10), strconv.FormatUint(uint64(stat.Gid), 10)
	owner, group = "#"+uid, "#"+gid
	if u, err := user.LookupId(uid); err == nil {
		owner = u.Username
	}
	if g, err := user.LookupGroupId(gid); err == nil {
		group = g.Name
	}
	return owner, group
}

// Clause returns the end of an error about a path: to whom it belongs. It is "" if the
// path cannot be looked at.
func Clause(path string) string {
	owner, group := Names(path)
	if owner == "" {
		return ""
	}
	return "; it belongs to the user " + owner + " and the group " + group
}

func look(path string) (stat *syscall.Stat_t, ok bool) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, false
	}
	stat, ok = info.Sys().(*syscall.Stat_t)
	return stat, ok
}
