# shellcheck shell=bash
# What doctor finds, and whether what it says to type mends it.

# A pass that began before the fault was mended may still fail behind the first.
doctor_finds_nothing_wrong() {
  eventually inside cis490-fleet-health doctor
  eventually as alice cis490-fleet-health doctor
}

# diagnosed CHECK tells the state of a check, and what to type.
diagnosed() {
  { inside cis490-fleet-health doctor --format ndjson || true; } |
    sed -nE 's/^\{"check": "'"$1"'", "state": "([a-z]*)", .*"do": "(.*)"\}$/\1 \2/p'
}

# doctor_finds CHECK STATE
doctor_finds() {
  local found
  found=$(diagnosed "$1")
  [ "${found%% *}" = "$2" ] || fail "doctor finds $1 ${found:-not at all}, not $2"
}

# doctor_mends CHECK types what it says, as the administrator.
doctor_mends() {
  doctor_finds "$1" problem
  local found
  found=$(diagnosed "$1")
  as admin bash -c "${found#* }" >/dev/null 2>&1
  doctor_finds_nothing_wrong
}

doctor_mends_a_timer() {
  inside systemctl --quiet disable --now $unit.timer 2>/dev/null
  doctor_mends timer
  inside systemctl stop $unit.timer
  mv "$work/root/etc/systemd/system/$unit.timer.d" "$work/aside"
  inside systemctl --quiet mask $unit.timer
  mv "$work/aside" "$work/root/etc/systemd/system/$unit.timer.d"
  doctor_mends timer
}

doctor_mends_files_of_another_user() {
  inside chown root: $state/alerts.jsonl
  eventually failed_with 2
  doctor_mends state
}

failed_with() { [ "$(property Result)" = exit-code ] && [ "$(property ExecMainStatus)" = "$1" ]; }

doctor_tells_what_a_pass_cannot() {
  inside chmod 0600 /var/lib/cis490/index.jsonl
  doctor_finds index problem
  eventually failed_with 2
  doctor_finds service problem
  inside chmod 0640 /var/lib/cis490/index.jsonl
  sed -i 's/^FLEET_HEALTH_FLAGS="/&--retention-day 1 /' "$work/root/etc/default/$unit"
  doctor_finds flags problem
  sed -i 's/--retention-day 1 //' "$work/root/etc/default/$unit"
  inside systemctl stop cis490-receiver
  doctor_finds receiver problem
  inside systemctl start cis490-receiver
  eventually receiving
  doctor_finds_nothing_wrong
}

# With rebuild, as the user of the service.
doctor_mends_a_damaged_database() {
  inside systemctl stop $unit.timer reader@alice
  eventually idle
  inside dd if=/dev/urandom of=$state/fleet.db bs=1 seek=100 count=4000 conv=notrunc status=none
  inside systemctl start $unit.timer
  eventually failed_with 1
  local found found_as_root
  found=$(diagnosed database)
  [[ $found = "problem sudo -u $unit cis490-fleet-health rebuild" ]] || fail "doctor finds the damaged database ${found:-not at all}"
  found_as_root=$(inside cis490-fleet-health rebuild 2>&1) && fail "rebuild works as root, and leaves a database that is not the unit's"
  [[ $found_as_root = *"\`sudo -u $unit\`"* ]] || fail "rebuild says to root $found_as_root"
  eventually as admin bash -c "${found#* }"
  inside systemctl start reader@alice
  doctor_finds_nothing_wrong
  the_books_balance
}

# As the README's line does, once more.
an_operator_copies_the_database_while_passes_run() {
  as alice mv /home/alice/copy.db /home/alice/copy-0.db
  as alice cis490-fleet-health backup /home/alice/copy.db >/dev/null
  equal "the copy" ok "$(as alice sqlite3 /home/alice/copy.db 'PRAGMA integrity_check')"
}
