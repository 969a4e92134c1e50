#!/bin/sh
# Makes the user, the groups and the state directory, and moves alerts.jsonl of
# the predecessor there. It may run as often as one likes. Installed as
# /usr/lib/cis490-fleet-health/setup for the package and for install.sh.
set -eu
name=cis490-fleet-health
state=/var/lib/$name
old=/var/lib/cis490/alerts.jsonl
new=$state/alerts.jsonl

say() { echo "$name: $*" >&2; }

# others_may FILE: may users outside its group read FILE, through its directory?
others_may() {
	case $(stat -c %a "$1") in *[4567]) ;; *) return 1 ;; esac
	case $(stat -c %a "$(dirname "$1")") in *[1357]) ;; *) return 1 ;; esac
}

# adopt moves the old file, so that the next pass takes its alerts for said. The
# directory belongs to the receiver: what the name stands for is looked at again
# once nobody else can change it.
adopt() {
	open=no
	if others_may "$old"; then open=yes; fi
	mv -T "$old" "$new"
	case $(stat -c %F:%h "$new") in
	"regular file:1" | "regular empty file:1") ;;
	*)
		mv -T "$new" "$old"
		say "$old is not a file of its own: left alone"
		return 1
		;;
	esac
	chown -h $name:$name "$new"
	if [ $open = yes ]; then
		# Everybody could read it, so everybody still may pass through to it; the
		# directory cannot be listed, and its other files are for the groups.
		mkdir -p /etc/systemd/system/$name.service.d
		printf '[Service]\nStateDirectoryMode=0751\n' >/etc/systemd/system/$name.service.d/10-readers.conf
		chmod 0751 $state
	else
		# Its readers were in its group, which may not be one of ours.
		chmod 0640 "$new"
	fi
	say "$old is $new now, and a link to it"
}

# link leaves a name for those who read the alerts where they used to be.
link() {
	if [ -L "$old" ]; then
		[ "$(readlink "$old")" = "$new" ] || say "$old is a link to somewhere else: left alone"
	elif [ -e "$old" ] && [ -s "$new" ]; then
		say "$old and $new both hold alerts: left alone; append the first to the second, remove it, and run $0 again"
	elif [ -e "$old" ]; then
		if adopt; then ln -s "$new" "$old"; fi
	elif [ -d "$(dirname "$old")" ]; then
		ln -s "$new" "$old"
	fi
}

systemd-sysusers $name.conf
systemd-tmpfiles --create $name.conf || say "systemd-tmpfiles failed: members of cis490 may not read $state"
link
# Once more for the file that has come.
systemd-tmpfiles --create $name.conf || true
