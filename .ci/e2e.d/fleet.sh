# shellcheck shell=bash
# The hosts that ship, and the books that are kept of it: what curl was told, to
# be compared with what the program says.
# Uses: work, and what machine.sh and watch.sh set.

# shipped has a line for each PUT: host, status, commit, time (if it was accepted), name.
# seeded, the same for lines that were written into the index without a PUT.

# ship HOST COMMIT N sends N episodes. COMMIT - sends none.
ship() {
  inside bash -s -- "$@" >>"$work/shipped" <<'SHIP'
host=$1 commit=$2
header=(-H "X-Cis490-Code-Commit: $commit")
[ "$commit" != - ] || header=()
for ((i = 0; i < $3; i++)); do
  name=ep-$EPOCHREALTIME.tar.zst
  said=$(curl -sS -w '%{http_code}' -X PUT "${header[@]}" --data-binary "$name" "http://127.0.0.1:8490/v1/episodes/$host/$name") || exit
  at=-
  [[ $said != *201 ]] || at=${said%%$'\n'*}
  echo "$host ${said: -3} $commit $at $name"
done
SHIP
}

# the_fleet_ships N: N episodes of each healthy host, one host after the other.
the_fleet_ships() {
  local host
  for host in lab-01 lab-02 lab-03; do
    ship $host 4f1c2a9 "$1"
  done
}

# while_shipping COMMAND… runs it in the midst of shipping.
while_shipping() {
  the_fleet_ships 15 &
  local shipper=$!
  "$@"
  wait $shipper
}

# seed HOST MINUTES puts a line into the index that is so old.
seed() {
  local at
  at=$(date -u -d "-$2 min" +%FT%T.%6N+00:00)
  inside sh -c 'echo "$1" >>/var/lib/cis490/index.jsonl' - \
    "{\"host_id\": \"$1\", \"received_at_wall\": \"$at\", \"code_commit\": \"4f1c2a9\"}"
  echo "$1 201 4f1c2a9 $at -" >>"$work/seeded"
}

# the_journal_has_it_all waits until journald has written the last access line.
the_journal_has_it_all() {
  local last
  last=$(awk 'END { print $5 }' "$work/shipped")
  eventually inside journalctl --quiet --no-pager -u cis490-receiver --grep "PUT .*$last"
}

# the_books_balance: each episode that was accepted stands in ship_log once, each
# PUT in put_log, each rejection in rejection_log, each alert in the files once.
# And it stays so: a later pass adds nothing.
the_books_balance() {
  eventually the_books_agree
  passes_go_by 1
  the_books_agree || fail "what was there has changed in a later pass"
}

the_books_agree() {
  equal "ship_log" \
    "$(cat "$work/seeded" "$work/shipped" | awk '$2 == 201 { sub(/\+00:00/, "Z", $4); print $4 "|" $1 "|" $3 }' | sort)" \
    "$(ask 'SELECT received_at, host, code_commit FROM ship_log ORDER BY 1, 2')" &&
    equal "put_log" \
      "$(awk '{ print $1 "|" $2 }' "$work/shipped" | sort | uniq -c | awk '{ print $2 "|" $1 }')" \
      "$(ask 'SELECT host, status, COUNT(*) FROM put_log GROUP BY 1, 2 ORDER BY 1, 2')" &&
    equal "rejection_log" \
      "$(awk '$2 == 400 || $2 == 412 { print $1 "|" ($2 == 400 ? "unstamped" : "other") }' "$work/shipped" | sort | uniq -c | awk '{ print $2 "|" $1 }')" \
      "$(ask 'SELECT host, reason, COUNT(*) FROM rejection_log GROUP BY 1, 2 ORDER BY 1, 2')" &&
    equal "alerts.jsonl with what was rotated away" \
      "$(ask 'SELECT dedup_key FROM alert_log ORDER BY 1')" \
      "$(inside sh -c "zcat -f $state/alerts.jsonl*" | grep -oP '"dedup_key": "\K[^"]+' | sort)" &&
    equal "the alerts of each host" "$(alerts_due)" "$(alerts_found)"
}

# The symptoms of the predecessor are alerted by the hour; others when they are said.
hourly="'silent', 'fatal-only', 'unstamped'"

alerts_found() { ask "SELECT host, symptom, COUNT(*) FROM alert_log WHERE symptom IN ($hourly) GROUP BY 1, 2 ORDER BY 1, 2"; }

# alerts_due: a symptom that lasts is alerted once in every hour in which there
# was a pass, and all of ours last. A silence waits for its 20 minutes after a gap
# of the index.
alerts_due() {
  ask "
    WITH found AS (
      SELECT host, symptom, MIN(detected_at) AS first_at FROM alert_log WHERE symptom IN ($hourly) GROUP BY 1, 2
    ), waits AS (
      SELECT from_at, unixepoch(to_at) + 20 * 60 AS until, COALESCE(recovered_at, '9') AS recovered_at FROM gap_log WHERE source = 'index'
    ), hours AS (
      SELECT DISTINCT
        substr(started_at, 1, 13) AS hour,
        EXISTS (SELECT 1 FROM waits WHERE started_at >= from_at AND started_at < recovered_at AND unixepoch(started_at) <= until) AS waits
      FROM pass_log WHERE outcome = 'ok'
      UNION
      SELECT substr(first_at, 1, 13), 0 FROM found
    )
    SELECT host, symptom, COUNT(DISTINCT hour)
    FROM found JOIN hours ON hour >= substr(first_at, 1, 13) AND NOT (symptom = 'silent' AND waits)
    GROUP BY 1, 2 ORDER BY 1, 2"
}
