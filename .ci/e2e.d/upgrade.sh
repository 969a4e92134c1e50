# shellcheck shell=bash
# Newer and older packages, and none.

# newer_package builds one with a migration more.
newer_package() {
  cp -a "$work/tree" "$work/newer"
  printf -- '-- +goose Up\n\nCREATE TABLE e2e_newer (id INTEGER PRIMARY KEY) STRICT;\n' >"$work/newer/migrations/90000_e2e.sql"
  rm -rf "$work/newer/dist"
  (cd "$work/newer" && VERSION="$version+e2e" deploy/build-deb.sh "$(dpkg --print-architecture)" >/dev/null)
  newer=$(echo "$work"/newer/dist/*.deb)
}

schema_version() { ask 'SELECT MAX(version_id) FROM goose_db_version'; }

# As packaged, the timer would have a pass in some minutes: it does not wait.
a_newer_package_migrates_at_once() {
  older_schema=$(schema_version)
  newer_package
  the_fleet_ships 2
  hand_over "$newer"
  the_timer_is_as_packaged
  typed_by admin Upgrade '^sudo apt install [.]'
  patience=15 eventually schema_is 90000
  the_timer_is_quick
  the_books_balance
  the_unit_is_green
}

a_copy_from_before_is_kept() {
  local copy=$state/fleet.db.before-upgrade
  equal "the copy's schema and soundness" "$older_schema ok" \
    "$(as alice sqlite3 -readonly -separator ' ' $copy 'SELECT MAX(version_id), (SELECT * FROM pragma_integrity_check) FROM goose_db_version')"
  equal "what else there is of it" "" "$(inside sh -c "ls $state | grep partial" || true)"
}

schema_is() { [ "$(schema_version)" = "$1" ]; }

an_older_package_refuses_and_changes_nothing() {
  hand_over "$older"
  inside touch /run/e2e-downgraded
  inside systemctl stop $unit.timer
  eventually idle
  local before
  before=$(database_bytes)
  typed_by admin Upgrade '^sudo apt install --allow-downgrades'
  inside systemctl start $unit.timer
  eventually refused
  equal "the database" "$before" "$(database_bytes)"
  the_fleet_ships 2
}

idle() { [ "$(property ActiveState)" != activating ]; }
refused() { [ "$(property Result)" = exit-code ] && [ "$(property ExecMainStatus)" = 2 ]; }

# The -shm has only the locks of those who read.
database_bytes() { inside sh -c "sha256sum $state/fleet.db $state/fleet.db-wal; stat -c '%n %y %s' $state/fleet.db $state/fleet.db-wal"; }

# Who reads with SQL alone finds no database for a moment.
the_older_package_goes_back_to_the_copy() {
  inside systemctl stop reader@alice
  typed_by admin Upgrade '/fleet[.]db|systemctl'
  inside rm /run/e2e-downgraded
  eventually passed_with_schema "$older_schema"
  inside systemctl start reader@alice
  the_books_balance
  the_unit_is_green
}

passed_with_schema() { [ "$(schema_version)" = "$1" ] && passes_go_by 1; }

the_newer_package_goes_on() {
  hand_over "$newer"
  typed_by admin Upgrade '^sudo apt install [.]'
  eventually schema_is 90000
  the_books_balance
  the_unit_is_green
}

removal_keeps_the_data() {
  inside systemctl --quiet disable --now reader@alice reader@dashboard
  local before
  before=$(ask 'SELECT COUNT(*) FROM ship_log')
  typed_by admin Remove 'apt remove'
  ! inside test -e /usr/bin/$unit || fail "the program is still there"
  ! inside systemctl --quiet is-active $unit.timer || fail "the timer still fires"
  equal "the data" "$before" "$(ask 'SELECT COUNT(*) FROM ship_log')"
  inside grep -q -e "$flags" /etc/default/$unit
}

# All but the user, and what the test itself has added.
purge_deletes_it() {
  typed_by admin Remove 'apt purge'
  equal "what is left of it" "" "$(inside find /etc /usr /var/lib /run/systemd/system -xdev -name "*$unit*" -not -path "/etc/systemd/system/$unit.*.d")"
  ! inside test -L /var/lib/cis490/alerts.jsonl || fail "the link is left"
  inside test -s /var/lib/cis490/index.jsonl
}

# Where everybody could read the alerts so far.
the_readmes_lines_install_it_without_dpkg() {
  inside chmod 0755 /var/lib/cis490
  predecessor_leaves_alerts 0644
  typed_here "Without dpkg" '^CGO_ENABLED'
  hand_over "$work/tree/deploy" "$work/tree/$unit"
  typed_by admin "Without dpkg" 'install.sh$'
  sed -i "s/^FLEET_HEALTH_FLAGS=.*/FLEET_HEALTH_FLAGS=\"$flags\"/" "$work/root/etc/default/$unit"
  inside usermod -aG $unit alice
  ship lab-12 deadbee 3
  eventually alerted lab-12
  the_unit_is_green
}

alerted() { as stranger grep -q "\"host\": \"$1\"" /var/lib/cis490/alerts.jsonl; }

those_who_could_read_still_can() {
  inside logrotate --force --state /run/e2e-logrotate /etc/logrotate.d/$unit
  ship lab-13 deadbee 3
  eventually alerted lab-13
  ! as stranger ls $state >/dev/null 2>&1 || fail "a stranger can list $state"
  ! as stranger test -r $state/fleet.db || fail "a stranger can read the database"
}

the_readmes_lines_remove_it_without_dpkg() {
  typed_by admin "Without dpkg" '--uninstall'
  ! inside test -e /usr/bin/$unit || fail "the program is still there"
  ! inside systemctl --quiet is-active $unit.timer || fail "the timer still fires"
  equal "the alerts" "lab-04 lab-12 lab-13" "$(ask 'SELECT DISTINCT host FROM alert_log ORDER BY 1' | xargs)"
  inside test -s $state/alerts.jsonl
  inside test -s /etc/default/$unit
}

every_line_of_the_readme_was_typed() {
  equal "what was typed" "$({ readme_lines "" && readme_lines Prometheus; } | sort -u)" "$(sort -u "$work/typed")"
}
