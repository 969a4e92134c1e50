# shellcheck shell=bash
# The pages that a pass writes, set up as the section A page of deploy/README.md says.
# Uses: here, work, and what machine.sh and watch.sh set.

# page_lines prints the indented lines of the section, up to the web servers.
page_lines() {
  awk '/^## / { wanted = $0 == "## A page" } /^The pages show/ { wanted = 0 } wanted && /^    / { print substr($0, 5) }' "$here/deploy/README.md"
}

the_readmes_lines_write_pages() {
  local pages=/var/lib/cis490-fleet-page
  grep -q "Add \`--page $pages\`" "$here/deploy/README.md"
  sed -i "s#^FLEET_HEALTH_FLAGS=\"#&--page $pages #" "$work/root/etc/default/$unit"
  as admin bash -ec "$(page_lines)" >"$work/said" 2>&1 || fail "deploy/README.md, A page: $(cat "$work/said")"
  eventually inside grep -q 'host-lab-04.html' $pages/index.html
  passes_go_by 1
  the_unit_is_green
  equal "the owner and mode of a page" "cis490-fleet-health www-data 640" "$(inside stat -c '%U %G %a' $pages/host-lab-04.html)"
  as www-data grep -q '<h1>' $pages/index.html || fail "the web server cannot read the page"
  ! as stranger test -r $pages/index.html || fail "a stranger can read the page"
  doctor_finds_nothing_wrong
  sed -i "s#--page $pages ##" "$work/root/etc/default/$unit"
  inside rm -r /etc/systemd/system/$unit.service.d/page.conf $pages
  inside systemctl daemon-reload
}
