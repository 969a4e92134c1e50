package store

import (
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// OwnerOf returns the numbers of the user and of the group to whom a path belongs;
// ok is false for one that cannot be looked at.
func OwnerOf(path string) (uid, gid uint32, ok bool) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, 0, false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, false
	}
	return stat.Uid, stat.Gid, true
}

// Whose returns the names of the user and of the group to whom a path belongs,
// as sudo -u and -g take them: # and the number of one that has no name, and ""
// for a path that cannot be looked at.
func Whose(path string) (owner, group string) {
	u, g, ok := OwnerOf(path)
	if !ok {
		return "", ""
	}
	uid, gid := strconv.FormatUint(uint64(u), 10), strconv.FormatUint(uint64(g), 10)
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
