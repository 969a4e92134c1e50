# shellcheck shell=bash
# A machine to break: a real systemd, booted by nspawn, whose disk is an overlay
# over another root. What it writes stays in $work/disk until the end, so that it
# survives a power cut as a real disk would. It has no network but its own.
# Sets: leader, the process that is PID 1 in there. Uses: work, machine, lower.

nspawn=''
leader=''
machine_path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

# make_machine lays the disk.
make_machine() {
  mkdir "$work/disk" "$work/root"
  mount -t tmpfs -o mode=0755 tmpfs "$work/disk"
  mkdir "$work/disk/upper" "$work/disk/work"
  mount -t overlay overlay -o "lowerdir=$lower,upperdir=$work/disk/upper,workdir=$work/disk/work" "$work/root"
  # Machines that build packages keep their services from being started.
  rm -f "$work/root/usr/sbin/policy-rc.d" "$work/root/etc/machine-id"
  systemd-id128 new >"$work/root/etc/machine-id"
  echo "$machine" >"$work/root/etc/hostname"
  echo "127.0.0.1 localhost $machine" >"$work/root/etc/hosts"
  mkdir -p "$work/root/var/log/journal"
}

# cgroup_trees are those that nspawn makes its own cgroups in: of the second
# version, and systemd's own where there is the first version besides.
cgroup_trees() {
  if [ -e /sys/fs/cgroup/cgroup.procs ]; then
    echo /sys/fs/cgroup
    return
  fi
  local tree
  for tree in /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; do
    [ ! -d $tree ] || echo $tree
  done
}

boot() {
  (
    for tree in $(cgroup_trees); do
      mkdir -p "$tree/$machine"
      echo "$BASHPID" >"$tree/$machine/cgroup.procs"
    done
    trap - EXIT ERR
    SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 exec setsid systemd-nspawn --quiet --directory "$work/root" --machine "$machine" \
      --register=no --keep-unit --private-network --resolv-conf=off --timezone=off --link-journal=no --console=pipe --boot
  ) </dev/null >>"$work/console" 2>&1 &
  nspawn=$!
  leader=
  eventually booted
}

booted() {
  kill -0 "$nspawn" || return 1
  leader=$(pgrep -P "$nspawn" -x systemd) || return 1
  case $(inside systemctl is-system-running) in running | degraded) ;; *) return 1 ;; esac
}

# inside runs a command as root, with a clean environment.
inside() {
  nsenter -t "$leader" --all --root --wd env -i PATH="$machine_path" HOME=/root LC_ALL=C.UTF-8 "$@"
}

# as USER runs a command as somebody who has just logged in.
as() {
  local user=$1
  shift
  inside setpriv --reuid="$user" --regid="$user" --init-groups env HOME="/home/$user" "$@"
}

cut_the_power() {
  kill -KILL "$leader"
  eventually gone "$nspawn"
  wait "$nspawn" || true
}

shut_down() {
  inside systemctl poweroff >/dev/null 2>&1 || true
  eventually gone "$nspawn"
  wait "$nspawn" || true
}

gone() { ! kill -0 "$1" 2>/dev/null; }

# scrap_machine leaves nothing behind, whatever state the machine is in.
scrap_machine() {
  if [ -n "$nspawn" ] && ! gone "$nspawn"; then
    [ -z "$leader" ] || kill -KILL "$leader" 2>/dev/null || true
    for _ in {1..50}; do
      gone "$nspawn" && break
      sleep 0.1
    done
    kill -KILL "$nspawn" 2>/dev/null || true
    wait "$nspawn" 2>/dev/null || true
  fi
  for mounted in "$work/root" "$work/disk"; do
    ! mountpoint -q "$mounted" || umount "$mounted" || umount --lazy "$mounted"
  done
  for tree in $(cgroup_trees); do
    [ ! -d "$tree/$machine" ] || find "$tree/$machine" -depth -type d -exec rmdir {} + 2>/dev/null || true
  done
}
