# shellcheck shell=bash
# Asking, waiting, and saying what broke.
# Uses: work, and what machine.sh sets.

unit=cis490-fleet-health
state=/var/lib/$unit
checks=0
current=
patience=60 # seconds until what should happen is taken for never

# check NAME runs the function of that name, which is a sentence.
check() {
  current=${1//_/ }
  local begun=$SECONDS
  "$1"
  checks=$((checks + 1))
  printf 'ok %3ds  %s\n' $((SECONDS - begun)) "$current"
}

fail() {
  echo "e2e: $*" >&2
  exit 1
}

# eventually COMMAND… tries until it succeeds; what it says at last is shown.
eventually() {
  local deadline=$((SECONDS + patience))
  until "$@" >/dev/null 2>&1; do
    if [ "$SECONDS" -ge "$deadline" ]; then
      "$@" && return
      fail "never within $patience s: $*"
    fi
    sleep 0.05
  done
}

# equal WHAT WANT GOT compares two texts.
equal() {
  [ "$2" = "$3" ] || {
    diff --label want --label got -U1 <(echo "$2") <(echo "$3") >&2 || true
    echo "$1 is not as it should be" >&2
    return 1
  }
}

# ask SQL asks the database as the operator does.
ask() { as alice sqlite3 -readonly $state/fleet.db "$1"; }

# property NAME is one of the service.
property() { inside systemctl show --property="$1" --value "$unit.service"; }

# passes_go_by N waits until N passes have got through that begin after now: the
# first of them has seen all that is there by now.
passes_go_by() {
  local from
  from=$(date -u +%FT%T.%6NZ)
  eventually passes_since "$from" "$1"
}

passes_since() {
  local passes
  passes=$(ask "SELECT COUNT(*) FROM pass_log WHERE outcome = 'ok' AND started_at > '$1'") && [ "$passes" -ge "$2" ]
}

the_unit_is_green() {
  [ "$(inside systemctl is-failed $unit.service || true)" != failed ] && [ "$(property Result)" = success ] &&
    inside systemctl --quiet is-active $unit.timer
}

# warnings are what an operator looks for.
warnings() { inside journalctl --quiet --no-pager --output=cat -p warning -u $unit; }

# readers_never_failed: and they did read.
readers_never_failed() {
  local who
  for who in alice dashboard; do
    ! inside test -e "/var/lib/e2e/$who.failures" || {
      inside cat "/var/lib/e2e/$who.failures" >&2
      fail "$who could not read"
    }
    inside test -s "/var/lib/e2e/$who.reads" || fail "$who has not read at all"
  done
}

# autopsy shows what may explain a failure.
autopsy() {
  set +e
  echo "e2e: FAILED: $current" >&2
  if [ -n "$leader" ] && ! gone "$leader"; then
    inside journalctl --no-pager -n 60 -u $unit -u cis490-receiver
    inside systemctl --no-pager status $unit.timer $unit.service
    inside systemctl --no-pager list-jobs
    inside systemctl --no-pager --failed
    inside sqlite3 -readonly -box $state/fleet.db 'SELECT * FROM pass_log ORDER BY started_at DESC LIMIT 8' \
      'SELECT * FROM gap_log' 'SELECT detected_at, host, symptom, dedup_key, exported_at FROM alert_log'
    inside ls -la $state /var/lib/cis490 /var/lib/e2e
    inside tail -n 3 /var/lib/e2e/alice.failures /var/lib/e2e/dashboard.failures
  else
    tail -n 20 "$work/console"
  fi >&2
}
