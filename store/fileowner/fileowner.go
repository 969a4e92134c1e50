// Package fileowner finds the owner of a file, for checks and errors. It imports no other
// package of the program.
package fileowner

import (
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// UID returns the number of the user who owns a path. ok is false if stat fails.
func UID(path string) (uid uint32, ok bool) {
	stat, ok := look(path)
	if !ok {
		return 0, false
	}
	return stat.Uid, true
}

// Names returns the user and the group that own a path, as sudo -u and -g take them: the
// name, or # and the number if there is no name. Both are "" if stat fails.
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

// Clause returns a clause for the end of an error that names the owner of a path. It
// returns "" if stat fails.
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
