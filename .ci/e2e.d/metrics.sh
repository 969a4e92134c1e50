# shellcheck shell=bash
# Metrics, through the drop-in and in the sandbox of the pass, to Debian's node_exporter.

node_exporter_reads_the_metrics() {
  eventually inside systemctl --quiet is-active prometheus-node-exporter
  typed_by admin Prometheus '^sudo'
  eventually the_metrics_move
  typed_by admin Prometheus '^curl'
  grep -q '^fleet_health_hosts{state="healthy"} ' "$work/said"
  equal "the file" "644 $unit" "$(as stranger stat -c '%a %U' /run/$unit/fleet.prom)"
  eventually the_unit_is_green
  # Also after a pass that fails.
  inside chmod 0600 /var/lib/cis490/index.jsonl
  eventually scraped '^fleet_health_open_gaps{reason="source-unread",source="index"} 1$'
  [ "$(property Result)" != success ] || fail "the metrics hide that a pass failed"
  inside chmod 0640 /var/lib/cis490/index.jsonl
  eventually the_unit_is_green
  inside rm /etc/systemd/system/$unit.service.d/metrics.conf /var/lib/prometheus/node-exporter/fleet.prom
  inside systemctl daemon-reload
}

scraped() { as stranger curl -s http://localhost:9100/metrics | grep -E -e "$1"; }

# the_metrics_move: a later pass has written them again.
the_metrics_move() {
  local before
  before=$(scraped '^fleet_health_last_successful_pass_timestamp_seconds ') || return 1
  passes_go_by 2
  [ "$before" != "$(scraped '^fleet_health_last_successful_pass_timestamp_seconds ')" ]
}
