# shellcheck shell=bash
# People are told: by a webhook, and by Debian's Alertmanager.
# Uses: work, and what machine.sh, watch.sh and outage.sh set.

# network WHAT cuts the sinks' address off (add), or no longer (del).
network() { nsenter -t "$leader" --net ip route "$1" unreachable 127.0.0.2 table local; }

# told EVENT SUBJECT SYMPTOM: how often the webhook was told.
told() {
  inside sh -c 'cat /var/lib/e2e/hook.jsonl 2>/dev/null' |
    grep -F "\"event\":\"$1\"" | grep -F "\"subject\":\"$2\"" | grep -cF "\"symptom\":\"$3\"" || true
}

is_told() { [ "$(told "$1" "$2" "$3")" = "$4" ]; }

# grep -q would end at the first match, and pipefail would take the writer's SIGPIPE for a
# failure.

# firing HOST: whether Alertmanager has an alert of it.
firing() { inside curl -sf http://127.0.0.1:9093/api/v2/alerts | grep -F "\"host\":\"$1\"" >/dev/null; }
not_firing() { ! firing "$1"; }

a_new_sink_is_told_of_what_is_open() {
  inside systemctl --quiet is-enabled $unit-notify.timer || fail "the timer of notify is not enabled"
  cp "$here"/.ci/e2e.d/hook.py "$work/root/opt/e2e/"
  cp "$here"/.ci/e2e.d/e2e-hook.service "$work/root/etc/systemd/system/"
  inside systemctl daemon-reload
  # A cluster wants another network than loopback.
  echo 'ARGS="--cluster.listen-address="' >"$work/root/etc/default/prometheus-alertmanager"
  inside systemctl reset-failed prometheus-alertmanager 2>/dev/null || true
  inside systemctl restart e2e-hook prometheus-alertmanager
  eventually inside curl -sf http://127.0.0.1:9093/-/ready
  inside install -m 0640 -g $unit /dev/stdin /etc/$unit/notify.conf <<'END'
http://127.0.0.2:8491/fleet secret=a-long-random-word
alertmanager://127.0.0.2:9093
END
  eventually is_told opened lab-05 silent 1
  eventually firing lab-05
  as $unit cis490-fleet-health notify --test >"$work/said" || fail "--test failed: $(cat "$work/said")"
  [ "$(grep -c ': sent$' "$work/said")" = 2 ] || fail "--test says: $(cat "$work/said")"
  as alice cis490-fleet-health query "SELECT state FROM delivery_log WHERE subject = 'lab-05'" | grep delivered >/dev/null || fail "alice does not see it"
  ! inside runuser -u stranger -- cat /etc/$unit/notify.conf >/dev/null 2>&1 || fail "a stranger reads the secrets"
}

an_outage_is_told_once() {
  eventually is_told opened '(receiver)' receiver-failing 1
  eventually is_told resolved '(receiver)' receiver-failing 1
  eventually not_firing '(receiver)'
  network add # for the next one
  cut_at=$SECONDS
}

what_could_not_be_sent_comes_later_once() {
  if [ -n "$E2E_HOUR" ]; then
    while [ $((SECONDS - cut_at)) -lt 3600 ]; do # as all are used to
      the_fleet_ships 1
      ship lab-06 4f1c2a9 1
      ship lab-07 - 1
      sleep 60
    done
  fi
  is_told opened '(receiver)' receiver-failing 1 || fail "the network is not cut"
  as alice cis490-fleet-health status | grep 'No route to host\|no route to host' >/dev/null || fail "status does not say what fails"
  network del
  # It is tried again after 1, 2, 4, 8, 16 and 32 minutes.
  patience=600 eventually is_told resolved '(receiver)' receiver-failing 2
  is_told opened '(receiver)' receiver-failing 2 || fail "its beginning was not told once"
  eventually not_firing '(receiver)'
}

without_sinks_nothing_is_sent() {
  inside rm /etc/$unit/notify.conf
  inside systemctl stop e2e-hook prometheus-alertmanager
  inside systemctl start $unit-notify.service || fail "that is a failure"
}
