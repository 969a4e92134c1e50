# shellcheck shell=bash
# The receiver itself fails, and stops: one trouble is said, and its end; its hosts are not.

# said SYMPTOM: how often it was said of the receiver.
said() { warnings | grep -c "^ALERT host=(receiver) symptom=$1: " || true; }

# over SYMPTOM: how often it was said that it is over.
over() {
  inside journalctl --quiet --no-pager --output=cat -p notice -u $unit | grep -c "^RESOLVED host=(receiver) symptom=$1: " || true
}

is_said() { [ "$(said "$1")" = "$2" ]; }
is_over() { [ "$(over "$1")" = "$2" ]; }

# fails_for_all N: until it is said for the Nth time.
fails_for_all() {
  echo '*' >"$work/root/var/lib/cis490/broken-for"
  local deadline=$((SECONDS + 180))
  until is_said receiver-failing "$1"; do
    [ $SECONDS -lt $deadline ] || fail "a receiver that fails is not said"
    the_fleet_ships 1
    sleep 2
  done
  echo lab-06 >"$work/root/var/lib/cis490/broken-for"
}

a_receiver_that_fails_is_said_once() {
  the_fleet_ships 1
  fails_for_all 1
  as alice cis490-fleet-health incidents | grep 'No space left on device' >/dev/null || fail "the incident does not quote the receiver"
  ! as alice cis490-fleet-health report --check >/dev/null || fail "report --check says that all is well"
  ! warnings | grep '^ALERT host=lab-0[123]' || fail "its hosts are said"
}

its_end_is_said() {
  the_fleet_ships 1
  patience=120 eventually is_over receiver-failing 1
}

a_second_outage_within_the_hour_is_said() {
  fails_for_all 2
  the_fleet_ships 1
  patience=120 eventually is_over receiver-failing 2
}

a_receiver_that_stops_is_said() {
  inside systemctl stop cis490-receiver
  patience=120 eventually is_said receiver-down 1
  inside systemctl start cis490-receiver
  eventually receiving
  the_fleet_ships 1
  patience=120 eventually is_over receiver-down 1
  ! warnings | grep '^ALERT host=lab-0[123]' || fail "its hosts are said"
  the_books_balance
}
