package deployed

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cis490/fleet-health/cmd/internal/fleettest"
)

// machineOfSetup runs a script in a mount namespace with its own /var/lib, the users of the
// package and of the receiver, and systemd programs that do nothing. $SETUP is
// deploy/setup.sh. $mine is a directory that only root may change.
const machineOfSetup = `set -eu
mine=$1 SETUP=$2
mkdir "$mine/lib" "$mine/bin" "$mine/etc"
cp /etc/passwd /etc/group "$mine"
echo 'cis490-fleet-health:x:45001:45001::/:/usr/sbin/nologin' >>"$mine/passwd"
printf 'cis490-fleet-health:x:45001:\ncis490:x:45010:cis490-fleet-health\n' >>"$mine/group"
mount --bind "$mine/lib" /var/lib
mount --bind "$mine/passwd" /etc/passwd
mount --bind "$mine/group" /etc/group
mount --bind "$mine/etc" /etc/systemd/system
printf '#!/bin/sh\n' | tee "$mine/bin/systemd-sysusers" >"$mine/bin/systemd-tmpfiles"
chmod +x "$mine"/bin/*
export PATH="$mine/bin:$PATH" LC_ALL=C
install -d -o 45010 -g 45010 -m 0750 /var/lib/cis490
install -d -o 45001 -g 45001 -m 0750 /var/lib/cis490-fleet-health
cd /var/lib
old=cis490/alerts.jsonl new=cis490-fleet-health/alerts.jsonl
put() { printf '%s\n' "$4" >"$1"; chown "$2" "$1"; chmod "$3" "$1"; } # FILE OWNER MODE LINE
setup() { sh "$SETUP" </dev/null; }
look() { # what there is: types, modes, owners and contents
  find cis490 cis490-fleet-health "$mine/kept" -printf '%f %y%l %m %U\n' 2>/dev/null | sort
  find cis490 cis490-fleet-health "$mine/kept" -type f -exec cat {} + 2>/dev/null || true
}
`

// TestSetupWorksAsTheOwners checks what setup does with the predecessor's file. Links that
// the two owners put into their directories must not lead root elsewhere.
func TestSetupWorksAsTheOwners(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		fleettest.Lacks(t, "not root")
	}
	const (
		linked = "alerts.jsonl l/var/lib/cis490-fleet-health/alerts.jsonl 777 45010\n"
		dirs   = "cis490 d 750 45010\ncis490-fleet-health d 750 45001\n"
		theirs = "alerts.jsonl f 640 45010\n"
		ours   = "alerts.jsonl f 640 45001\n"
		kept   = "kept f 604 0\n"
	)
	for _, c := range []struct{ name, script, want, says string }{
		{"nothing to move", "", linked + dirs, ""},
		{"no receiver", "rmdir cis490", "cis490-fleet-health d 750 45001\n", ""},
		{"a file of the predecessor", "put $old 45010:45010 0640 A", ours + linked + dirs + "A\n", "is .* now, and a link to it"},
		{"a file of root's that its directory's owner may read", "put $old 0:45010 0640 A", ours + linked + dirs + "A\n", "a link to it"},
		{"a file that everybody reads", "chmod 0755 cis490; put $old 45010:45010 0644 A",
			"alerts.jsonl f 644 45001\n" + linked + "cis490 d 755 45010\ncis490-fleet-health d 751 45001\nA\n", "a link to it"},
		{"a directory of root's", "chown 0:0 cis490; chmod 0755 cis490; put $old 0:0 0640 A",
			ours + strings.Replace(linked, "45010", "0", 1) + "cis490 d 755 0\ncis490-fleet-health d 750 45001\nA\n", "a link to it"},
		{"a directory of root's that the group writes to", "chown 0:45010 cis490; chmod 0775 cis490; put $old 45010:45010 0640 A",
			ours + strings.Replace(linked, "45010", "45001", 1) + "cis490 d 775 0\ncis490-fleet-health d 750 45001\nA\n", "a link to it"},
		{"an empty file that logrotate has made", "put $old 45010:45010 0640 A; install -o 45001 -m 0640 /dev/null $new", ours + linked + dirs + "A\n", "a link to it"},
		{"both files", "put $old 45010:45010 0640 A; put $new 45001:45001 0640 B", theirs + ours + dirs + "A\nB\n", "both hold alerts"},
		{"a run that was killed before it had copied", "put $old 45010:45010 0640 A; put $new.part 45001:45001 0600 half",
			ours + linked + dirs + "A\n", "a link to it"},
		{"a run that was killed after it had copied, and a pass", "put $old 45010:45010 0640 A; put $new 45001:45001 0640 A; echo B >>$new; ln -s /x $old.link",
			ours + linked + dirs + "A\nB\n", "a link to it"},
		{"a link to somewhere else", "ln -s /x $old; chown -h 45010 $old", "alerts.jsonl l/x 777 45010\n" + dirs, "a link to somewhere else"},
		{"a FIFO", "mkfifo -m 0640 $old; chown 45010 $old", "alerts.jsonl p 640 45010\n" + dirs, "not a regular file: left alone"},
		{"a directory", "install -d -m 0750 -o 45010 $old", "alerts.jsonl d 750 45010\n" + dirs, "not a regular file: left alone"},
		{"a file that its directory's owner may not read", "put $old 0:0 0600 A", "alerts.jsonl f 600 0\n" + dirs + "A\n", "Permission denied.*\n.*left alone"},
		{"no room for the copy", "put $old 45010:45010 0640 A; mkdir $new.part", "alerts.jsonl f 640 45010\nalerts.jsonl.part d 755 0\n" + dirs + "A\n", "left alone"},
		{"a directory in the place of the new file", "put $old 45010:45010 0640 A; mkdir $new", theirs + "alerts.jsonl d 755 0\n" + dirs + "A\n", "left alone"},
		{"no place for the link", "put $old 45010:45010 0640 A; chmod 0550 cis490", theirs + ours + strings.Replace(dirs, "cis490 d 750", "cis490 d 550", 1) + "A\nA\n", "no link is in its place"},
		{"links of the service's user to a file of root's", "put $old 45010:45010 0640 A; put $mine/kept 0:0 0604 K; ln -s $mine/kept $new.part; : >$mine/kept; ln -s $mine/kept $new",
			ours + linked + dirs + kept + "A\n", "a link to it"},
		{"a link of the receiver's user into a directory of root's", "mkdir -m 0700 $mine/kept; put $old 45010:45010 0640 A; ln -s $mine/kept $old.link",
			ours + linked + dirs + "kept d 700 0\nA\n", "a link to it"},
		{"a second name that the receiver's user has given to a file of root's", "put kept 0:0 0600 K; ln kept $old",
			"alerts.jsonl f 600 0\n" + dirs + "K\n", "left alone"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			script, err := filepath.Abs("../../../deploy/setup.sh")
			if err != nil {
				t.Fatal(err)
			}
			// Run setup twice, because the second run must change nothing.
			run := machineOfSetup + c.script + "\nsetup 2>\"$mine/said\"\nlook >\"$mine/first\"\nsetup 2>/dev/null\nlook >\"$mine/second\"\n"
			dir := t.TempDir()
			if out, err := exec.Command("unshare", "-m", "--propagation", "private", "sh", "-c", run, "sh", dir, script).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			first, said := readText(t, dir+"/first"), readText(t, dir+"/said")
			if sortedLines(first) != sortedLines(c.want) || readText(t, dir+"/second") != first {
				t.Errorf("there is\n%s, then\n%s, want\n%s\nsaid: %s", first, readText(t, dir+"/second"), c.want, said)
			}
			// Setup must not report steps that it has not done.
			moved := strings.Contains(c.says, "a link to it")
			if !regexp.MustCompile(c.says).MatchString(said) || c.says == "" && said != "" || strings.Contains(said, "a link to it") != moved {
				t.Errorf("said %q, want %q", said, c.says)
			}
		})
	}
}

func sortedLines(text string) string { return strings.Join(slices.Sorted(strings.Lines(text)), "") }
