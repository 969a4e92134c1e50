#!/bin/sh
# Makes the user, the groups and the state directory, and copies alerts.jsonl
# of the predecessor there, with a link in its place. It may run as often as one likes. Installed as
# /usr/lib/cis490-fleet-health/setup for the package and for install.sh.
#
# Two directories are not root's: the receiver's and the service's. Their owners can
# put a link in the place of any name there, at any moment. So root changes nothing
# in them: each step there is done as the owner, who can do no more than before.
set -eu
name=cis490-fleet-health
state=/var/lib/$name
there=/var/lib/cis490
old=$there/alerts.jsonl
new=$state/alerts.jsonl

# say prints one line; other users may have written parts of it.
say() { echo "$name: $(printf %s "$*" | LC_ALL=C tr -c '\40-\176' ' ')" >&2; }

# as runs a command as another user, in a session of its own: that user could
# otherwise type into root's terminal.
as() { env -i PATH="$PATH" setsid -w setpriv "$@"; }

# ours runs a command as the user of the service.
ours() { as --reuid $name --regid $name --init-groups -- "$@"; }

# theirs runs a command as the owner of the receiver's directory. Where that is root,
# and others may write to it all the same, the user of the service must do: it is
# in the receiver's group.
theirs() {
	case $(stat -L -c %u:%a $there) in
	0:*[2367]? | 0:*[2367]) ours "$@" ;;
	*) as --reuid "$(stat -L -c %u $there)" --regid "$(stat -L -c %g $there)" --clear-groups -- "$@" ;;
	esac
}

# try COMMAND… says what went wrong.
try() {
	said=$("$@" 2>&1 </dev/null) && return
	say "$said"
	return 1
}

# others_may FILE: may users outside its group read FILE, through its directory?
others_may() {
	case $(stat -c %a "$1") in *[4567]) ;; *) return 1 ;; esac
	case $(stat -L -c %a "$(dirname "$1")") in *[1357]) ;; *) return 1 ;; esac
}

# read_old prints the first $size bytes of the old file. It waits for no FIFO.
read_old() { theirs dd if=$old bs=64K count="$size" iflag=nofollow,nonblock,fullblock,count_bytes status=none </dev/null; }

# copy makes the new file whole, or not at all.
copy() {
	ours rm -f $new.part || return 1
	# shellcheck disable=SC2016 # the inner shell has the arguments
	read_old | ours sh -c 'umask 077 && set -C && cat >"$1" && chmod "$2" "$1" && sync "$1"' sh $new.part "$mode" || return 1
	if [ "$(stat -c %s $new.part)" != "$size" ]; then
		echo "$old could not be read whole"
		ours rm -f $new.part
		return 1
	fi
	ours mv -fT $new.part $new && ours sync $state
}

# copied: does the new file begin with all that the old one has? Then a run that was
# killed has copied it.
copied() { [ "$kind" = regular ] && [ -f $new ] && read_old 2>/dev/null | ours cmp -s -n "$size" - $new; }

# replace puts a link in the place of the old file, unless that has grown meanwhile.
replace() {
	theirs rm -f $old.link && theirs ln -sT $new $old.link || return 1
	if [ "$(stat -c %s $old)" != "$size" ]; then
		echo "$old has changed meanwhile"
		theirs rm -f $old.link
		return 1
	fi
	theirs mv -fT $old.link $old
}

# adopt copies the old file, so that the next pass takes its alerts for said, and
# leaves a link for those who read them there.
adopt() {
	if [ "$kind" != regular ]; then
		say "$old is not a regular file: left alone"
		return
	fi
	mode=0640
	if others_may $old; then mode=0644; fi
	if ! copied && ! try copy; then
		say "$old could not be copied to $new: left alone; mend that, and run $0 again"
		return
	fi
	if [ $mode = 0644 ]; then
		# Everybody could read it, so everybody still may pass through to it; the
		# directory cannot be listed, and its other files are for the groups.
		mkdir -p /etc/systemd/system/$name.service.d
		printf '[Service]\nStateDirectoryMode=0751\n' >/etc/systemd/system/$name.service.d/10-readers.conf
		try ours chmod 0751 $state || say "others may not read $new"
	fi
	if try replace; then
		say "$old is $new now, and a link to it"
	else
		say "$old is copied to $new, but no link is in its place: mend that, and run $0 again"
	fi
}

# link leaves a name for those who read the alerts where they used to be.
link() {
	size=$(stat -c %s $old 2>/dev/null) kind=$(stat -c %F $old 2>/dev/null) || kind=
	kind=${kind%% *}
	if [ -L $old ]; then
		[ "$(readlink $old)" = $new ] || say "$old is a link to somewhere else: left alone"
	elif [ -e $old ] && [ -s $new ] && ! copied; then
		say "$old and $new both hold alerts: left alone; append the first to the second, remove it, and run $0 again"
	elif [ -e $old ]; then
		adopt
	elif [ -d $there ]; then
		try theirs ln -sT $new $old || say "no link $old was made"
	fi
}

systemd-sysusers $name.conf
systemd-tmpfiles --create $name.conf || say "systemd-tmpfiles failed: members of cis490 may not read $state"
link
# Once more for the file that has come.
systemd-tmpfiles --create $name.conf || true
