# shellcheck shell=bash
# From an empty machine to one that has seen everything. Each function is a check,
# and goes on where the one before it has ended.

flags='--silent-threshold-min 20 --fatal-min-count 3 --failing-count 6 --failing-min 1 --hold-min 1'

the_readmes_lines_build_the_package() {
  cp -a "$here" "$work/tree"
  rm -rf "$work/tree/dist"
  typed_here "Build the package" .
  older=$(echo "$work"/tree/dist/*.deb)
  version=$(dpkg-deb --field "$older" Version)
}

it_boots() {
  ! chroot "$lower" dpkg -s $unit >/dev/null 2>&1 || fail "the package is installed in $lower: the test wants a machine without it"
  make_machine
  boot
  local user
  for user in admin alice dashboard stranger; do
    # Images for the cloud have an admin.
    inside id "$user" >/dev/null 2>&1 || inside useradd --create-home --user-group --shell /bin/bash "$user"
  done
  echo 'admin ALL=(ALL) NOPASSWD: ALL' >"$work/root/etc/sudoers.d/admin"
}

# With the alerts of a predecessor, and one who reads them.
a_receiver_receives() {
  inside useradd --system --user-group cis490
  inside usermod -aG cis490 dashboard
  install -D -t "$work/root/opt/e2e" "$here"/.ci/e2e.d/{receiver.py,reader,kill-passes}
  cp "$here"/.ci/e2e.d/*.service "$work/root/etc/systemd/system/"
  inside install -d -m 1777 /var/lib/e2e
  inside systemctl daemon-reload
  inside systemctl --quiet enable --now cis490-receiver
  eventually receiving
  the_fleet_ships 5
  equal "what curl was told" "15 201" "$(awk '{ print $2 }' "$work/shipped" | sort | uniq -c | sed 's/^ *//')"
  predecessor_leaves_alerts 0640
  the_reader_reads dashboard
}

receiving() { inside curl -sf http://127.0.0.1:8490/healthz; }

# predecessor_leaves_alerts MODE: of a host that has been silent for a while. That
# is said already, and not to be said again within the hour.
predecessor_leaves_alerts() {
  local now key
  now=$(date -u +%FT%T.%6N)
  key=$(printf '%s' "lab-04|silent|${now:0:13}" | sha256sum | cut -c -16)
  inside install -m "$1" -o cis490 -g cis490 /dev/stdin /var/lib/cis490/alerts.jsonl <<END
{"host": "lab-04", "symptom": "silent", "detail": "x", "suggested_fix": "x", "detected_at_wall": "$now+00:00", "dedup_key": "$key"}
END
  seed lab-04 35
}

# the_reader_reads USER starts one who reads until the package is removed.
the_reader_reads() {
  inside systemctl --quiet enable --now "reader@$1"
  eventually inside test -s "/var/lib/e2e/$1.reads"
}

the_readmes_lines_install_it() {
  hand_over "$older"
  typed_by admin "On the receiver" .
  inside systemctl --quiet is-enabled $unit.timer
  eventually the_unit_is_green
  typed_by admin Operators ^sudo
  typed_by alice Operators '^[^s]|^sqlite3'
  the_reader_reads alice
}

the_timer_fires_by_itself() {
  sed -i "s/^FLEET_HEALTH_FLAGS=.*/FLEET_HEALTH_FLAGS=\"$flags\"/" "$work/root/etc/default/$unit"
  the_timer_is_quick
  passes_go_by 2
}

# The time between two passes is all that is not as packaged.
the_timer_is_quick() {
  local units=$work/root/etc/systemd/system
  mkdir -p "$units/$unit.timer.d"
  printf '[Timer]\nOnCalendar=\nOnCalendar=*:*:*\nAccuracySec=100ms\nRandomizedDelaySec=0\n' >"$units/$unit.timer.d/quick.conf"
  inside systemctl daemon-reload
  inside systemctl restart $unit.timer
}

the_timer_is_as_packaged() {
  rm "$work/root/etc/systemd/system/$unit.timer.d/quick.conf"
  inside systemctl daemon-reload
  inside systemctl restart $unit.timer
  eventually idle
}

# No other than what the predecessor has said.
a_healthy_fleet_gives_no_alert() {
  the_fleet_ships 3
  the_books_balance
  eventually faults_are_said lab-04
}

operators_read_and_strangers_do_not() {
  as dashboard grep -q lab-04 /var/lib/cis490/alerts.jsonl
  equal "the link" $state/alerts.jsonl "$(inside readlink /var/lib/cis490/alerts.jsonl)"
  local path
  for path in $state $state/fleet.db $state/alerts.jsonl; do
    as alice test -r $path || fail "an operator cannot read $path"
    ! as stranger test -r $path || fail "a stranger can read $path"
    ! as alice test -w $path || fail "an operator can write to $path"
  done
  ! as stranger sqlite3 -readonly $state/fleet.db 'SELECT * FROM ship_log' >/dev/null 2>&1 || fail "a stranger can ask the database"
  ! as stranger cis490-fleet-health report >/dev/null 2>&1 || fail "a stranger gets a report"
}

each_fault_gives_one_alert_and_one_warning() {
  seed lab-05 25
  ship lab-06 deadbee 2
  echo lab-06 >"$work/root/var/lib/cis490/broken-for"
  ship lab-06 4f1c2a9 2
  ship lab-07 4f1c2a9 1
  ship lab-07 - 3
  eventually faults_are_said lab-0{4,5,6,7}
}

# faults_are_said HOST…: each has its alert, or one in each hour of the test, as
# many lines in the file, and one warning; nobody else has any. What the predecessor
# has said of lab-04 within the hour is not said again.
faults_are_said() {
  local found
  found=$(alerts_found)
  equal "the hosts with alerts" "$*" "$(echo "$found" | cut -d '|' -f 1 | xargs)" &&
    equal "the alerts of each host" "$(alerts_due)" "$found" &&
    equal "the lines of the file" "$found" "$(as dashboard cat /var/lib/cis490/alerts.jsonl |
      sed -E 's/.*"host": "([^"]*)", "symptom": "([^"]*)".*/\1|\2/' | grep -E '\|(silent|fatal-only|unstamped)$' | sort | uniq -c | awk '{ print $2 "|" $1 }')" &&
    equal "the warnings" "$(for host in "$@"; do said_of "$host"; done)" \
      "$(warnings | sed -E 's/^ALERT host=([^ ]*) symptom=([^:]*):.*/\1 \2/' | sort)" &&
    the_unit_is_green
}

# said_of HOST: the most telling symptom of its incident.
said_of() {
  case $1 in
  lab-05) echo "lab-05 silent" ;;
  lab-06) echo "lab-06 rejected" ;;
  lab-07) echo "lab-07 unstamped" ;;
  esac
}

the_next_pass_gives_none() {
  passes_go_by 2
  eventually faults_are_said lab-0{4,5,6,7}
  the_books_balance
}

a_rotated_journal_loses_nothing() {
  while_shipping inside journalctl --quiet --rotate
  the_books_balance
}

a_renamed_index_loses_nothing() {
  while_shipping inside mv /var/lib/cis490/index.jsonl /var/lib/cis490/index.jsonl.1
  the_books_balance
}

# What is written between the copy and the cut is lost to everybody; so nothing is.
a_copied_and_cut_index_loses_nothing() {
  the_fleet_ships 5
  inside sh -c 'cd /var/lib/cis490 && cp -p index.jsonl index.jsonl.2 && : >index.jsonl'
  the_fleet_ships 5
  the_books_balance
}

# Twice, so that the oldest is compressed.
rotated_alerts_do_not_come_again() {
  local host
  for host in lab-08 lab-09; do
    inside logrotate --force --state /run/e2e-logrotate /etc/logrotate.d/$unit
    ship $host deadbee 3
    the_books_balance
    as dashboard grep -q $host /var/lib/cis490/alerts.jsonl
  done
  equal "the files" "alerts.jsonl alerts.jsonl.1 alerts.jsonl.2.gz" "$(inside ls $state | grep alerts | xargs)"
  equal "the owner and mode" "$(inside stat -c '%U %a' $state/alerts.jsonl.1)" "$(inside stat -c '%U %a' $state/alerts.jsonl)"
}

# Those that leave an unfinished row were met at work.
killed_passes_lose_nothing() {
  local tries=0
  while_shipping inside /opt/e2e/kill-passes
  ship lab-10 deadbee 3
  while [ "$(passes_killed)" -lt 6 ]; do
    [ $((tries += 1)) -le 10 ] || fail "no pass was met while it ran"
    inside /opt/e2e/kill-passes
  done
  the_books_balance
  eventually the_unit_is_green
}

passes_killed() { ask "SELECT COUNT(*) FROM pass_log WHERE outcome = 'unfinished'"; }

# Nothing is shipped at this moment: nobody could say what was received.
a_power_cut_loses_nothing() {
  the_fleet_ships 5
  ship lab-11 deadbee 3
  the_journal_has_it_all
  inside systemctl start --no-block $unit
  cut_the_power
  boot
  eventually receiving
  the_fleet_ships 2
  the_books_balance
}

a_reboot_loses_nothing() {
  the_fleet_ships 5
  the_journal_has_it_all
  shut_down
  boot
  eventually receiving
  the_fleet_ships 2
  the_books_balance
  the_unit_is_green
}

# Nothing but what was read: the rest would be lost to everybody.
a_vacuumed_journal_loses_nothing() {
  inside journalctl --quiet --rotate
  while_shipping inside journalctl --quiet --vacuum-size=1
  ! inside journalctl --quiet --no-pager -u cis490-receiver --grep 'PUT .*/lab-06/' >/dev/null || fail "nothing was vacuumed"
  the_books_balance
}

nobody_who_read_has_failed() { readers_never_failed; }
