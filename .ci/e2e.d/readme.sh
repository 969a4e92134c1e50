# shellcheck shell=bash
# The sections Install and Prometheus of deploy/README.md, typed line by line.
# Uses: here, work, and what machine.sh and watch.sh set.

# readme_lines HEADING prints the indented lines beneath a heading ### of Install, or
# beneath another heading ##. Without HEADING, it prints all of Install.
readme_lines() {
  awk -v heading="$1" '
    /^## / { install = $0 == "## Install"; wanted = $0 == "## " heading }
    /^### / { wanted = install && (heading == "" || $0 == "### " heading) }
    wanted && /^    / { print substr($0, 5) }' "$here/deploy/README.md"
}

# typed HEADING PATTERN COMMAND… gives each line that matches to a shell, which
# COMMAND starts. Questions are answered with y.
typed() {
  local heading=$1 pattern=$2 line lines
  shift 2
  lines=$(readme_lines "$heading" | grep -E -e "$pattern") || fail "deploy/README.md has no line like $pattern below $heading"
  while read -r line <&3; do
    echo "$line" >>"$work/typed"
    # Not yes: where pipefail is set, it fails when nobody reads it.
    "$@" "$line" <<<$'y\ny\ny' >"$work/said" 2>&1 || {
      cat "$work/said" >&2
      fail "deploy/README.md: \`$line\` failed"
    }
  done 3<<<"$lines"
}

# typed_here types in a copy of the tree, on this machine.
typed_here() { typed "$1" "$2" in_directory "$work/tree" bash -c; }

in_directory() { (cd "$1" && shift && "$@"); }

# typed_by USER HEADING PATTERN types in the machine.
typed_by() { typed "$2" "$3" as "$1" bash -c 'cd && eval "$1"' -; }

# hand_over FILE… lays files into the administrator's home, and takes away others.
hand_over() {
  inside find /home/admin -mindepth 1 -delete
  cp -r "$@" "$work/root/home/admin/"
  inside chown -R admin: /home/admin
}
