package store

import (
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// Whose returns the names of the user and of the group to whom a path belongs,
// as sudo -u and -g take them: # and the number of one that has no name, and ""
// for a path that cannot be looked at.
func Whose(path string) (owner, group string) {
	info, err := os.Stat(path)
	if err != nil {
		return "", ""
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
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

// Belonging says so behind an error about a path; it says nothing of one that
// cannot be looked at.
func Belonging(path string) string {
	owner, group := Whose(path)
	if owner == "" {
		return ""
	}
	return "; it belongs to the user " + owner + " and the group " + group
}
