#!/bin/sh
# Installs the program on a host without dpkg, or removes it.
#
#   install.sh [BINARY]             install, and start the timer
#   install.sh --uninstall          remove what was installed; data and flags stay
#   install.sh --stage DIR BINARY   only lay out the files below DIR, for a package
#
# BINARY is ./cis490-fleet-health if it is not named. With --stage, HELPER may name
# a binary that runs on this machine, if BINARY does not.
set -eu
umask 022
here=$(cd "$(dirname "$0")" && pwd)
name=cis490-fleet-health

# files lists what is installed, below the root: MODE FROM TO. What has no FROM is
# made by the program itself.
files() {
	cat <<-END
		0755 $binary usr/bin/$name
		0755 $here/setup.sh usr/lib/$name/setup
		0644 $here/systemd/$name.service usr/lib/systemd/system/$name.service
		0644 $here/systemd/$name.timer usr/lib/systemd/system/$name.timer
		0644 $here/systemd/$name-notify.service usr/lib/systemd/system/$name-notify.service
		0644 $here/systemd/$name-notify.timer usr/lib/systemd/system/$name-notify.timer
		0644 $here/systemd/$name.sysusers usr/lib/sysusers.d/$name.conf
		0644 $here/systemd/$name.tmpfiles usr/lib/tmpfiles.d/$name.conf
		0644 $here/systemd/$name.logrotate etc/logrotate.d/$name
		0644 $here/systemd/$name.default etc/default/$name
		0644 $here/prometheus/alerts.rules.yml usr/share/$name/prometheus/alerts.rules.yml
		0644 $here/prometheus/grafana.json usr/share/$name/prometheus/grafana.json
		0644 $here/prometheus/metrics.conf usr/share/$name/prometheus/metrics.conf
		0644 - usr/share/bash-completion/completions/$name
		0644 - usr/share/zsh/vendor-completions/_$name
		0644 - usr/share/fish/vendor_completions.d/$name.fish
	END
}

# stage ROOT lays the files out; what is in /etc somebody may have changed.
stage() {
	files | while read -r mode from to; do
		[ "${to#etc/}" = "$to" ] || [ ! -e "$1/$to" ] || continue
		[ "$from" != - ] || from=/dev/null
		# Beside the old one and then in its place: it may be running.
		install -D -m "$mode" "$from" "$1/$to.new"
		mv -f "$1/$to.new" "$1/$to"
	done
	"$helper" completion bash >"$1/usr/share/bash-completion/completions/$name"
	"$helper" completion zsh >"$1/usr/share/zsh/vendor-completions/_$name"
	"$helper" completion fish >"$1/usr/share/fish/vendor_completions.d/$name.fish"
	mkdir -p "$1/usr/share/man/man1" "$1/usr/share/$name/queries"
	"$helper" man "$1/usr/share/man/man1"
	# The program keeps what it writes from others; manuals are for all.
	chmod 0644 "$1/usr/share/man/man1/$name"*.1
	gzip -9nf "$1/usr/share/man/man1/$name"*.1
	install -m 0644 "$here"/queries/*.sql "$1/usr/share/$name/queries/"
}

be_root() {
	if [ "$(id -u)" != 0 ]; then
		echo "install.sh: needs root: run it with sudo" >&2
		exit 1
	fi
}

# refuse_package keeps out of dpkg's way: the paths are the package's.
refuse_package() {
	if command -v dpkg-query >/dev/null && dpkg-query -W -f '${Status}' $name 2>/dev/null | grep -q ' installed$'; then
		echo "install.sh: the package $name is installed: use apt or dpkg" >&2
		exit 1
	fi
}

uninstall() {
	systemctl disable --now $name.timer $name-notify.timer 2>/dev/null || true
	systemctl stop $name.service $name-notify.service 2>/dev/null || true
	binary=-
	files | while read -r _ _ to; do
		[ "$to" = "etc/default/$name" ] || rm -f "/$to"
	done
	rm -f /usr/share/man/man1/$name.1.gz /usr/share/man/man1/$name-*.1.gz
	rm -rf "/usr/share/${name:?}" "/usr/lib/${name:?}"
	systemctl daemon-reload 2>/dev/null || true
	echo "removed; /var/lib/$name, /etc/$name and /etc/default/$name stay, and so does the user $name"
}

case ${1-} in
--stage)
	binary=$3 helper=${HELPER-$3}
	stage "$2"
	;;
--uninstall)
	be_root
	refuse_package
	uninstall
	;;
-*)
	sed -n '2,/^set /s/^# \{0,1\}//p' "$0" >&2
	exit 2
	;;
*)
	be_root
	refuse_package
	binary=${1-./$name} helper=${1-./$name}
	"$helper" version >/dev/null
	stage ""
	/usr/lib/$name/setup
	systemctl daemon-reload
	systemctl enable --now $name.timer $name-notify.timer
	echo "installed: the timer runs a pass every five minutes; systemctl start $name runs one now"
	;;
esac
