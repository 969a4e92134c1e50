#!/usr/bin/env bash
# build-deb.sh [ARCH…]: builds packages for amd64, arm64 and armhf, or for those
# named, into dist/. The same commit and the same Go give the same bytes: times
# come from the commit, names and order from here.
set -euo pipefail
umask 022
export LC_ALL=C TZ=UTC CGO_ENABLED=0 GOOS=linux GOFLAGS=-mod=readonly
cd "$(dirname "$0")/.."
name=cis490-fleet-health
out=${OUT:-dist}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
# A tag is a release. Anything else sorts before the next, by its time.
version=${VERSION:-$(git describe --tags --exact-match --match 'v[0-9]*' 2>/dev/null | sed 's/^v//' || true)}
version=${version:-0~$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y%m%d.%H%M%S).$(git rev-parse --short=7 HEAD)}

# build ARCH FILE: the program, without paths, stamps and symbols.
build() {
  local goarch=$1
  [ "$1" != armhf ] || goarch=arm
  GOARCH=$goarch GOARM=7 GOAMD64=v1 go build -trimpath -buildvcs=false \
    -ldflags "-s -w -buildid= -X main.version=$version" -o "$2" ./cmd/$name
}

# modules BINARY: what `go version -m` says of it, with a replaced module's line
# in the place of the one that it replaces.
modules() {
  go version -m "$1" | awk -F '\t' -v OFS='\t' '
    $2 == "=>" { $2 = "dep"; held = "" }
    held != "" { print held }
    { held = $2 == "dep" ? $0 : "" }
    held == "" { print }
    END { if (held != "") print held }'
}

# sbom BINARY ARCH: CycloneDX, from what the linker has noted in the binary; and
# SQLite, which comes translated, under its own version.
sbom() {
  modules "$1" | awk -F '\t' -v name=$name -v version="$version" -v arch="$2" -v sqlite="$sqlite" \
    -v at="$(date -u -d "@$SOURCE_DATE_EPOCH" +%FT%TZ)" '
    function part(n, v, purl) {
      printf ",\n    {\"type\": \"library\", \"name\": \"%s\", \"version\": \"%s\", \"purl\": \"%s\"", n, v, purl
    }
    NR == 1 {
      sub(/.*: go/, "")
      printf "{\n  \"bomFormat\": \"CycloneDX\",\n  \"specVersion\": \"1.5\",\n  \"version\": 1,\n"
      printf "  \"metadata\": {\"timestamp\": \"%s\", \"component\": {\"type\": \"application\", \"name\": \"%s\", \"version\": \"%s\",", at, name, version
      printf " \"properties\": [{\"name\": \"architecture\", \"value\": \"%s\"}]}},\n  \"components\": [\n", arch
      printf "    {\"type\": \"library\", \"name\": \"sqlite\", \"version\": \"%s\", \"cpe\": \"cpe:2.3:a:sqlite:sqlite:%s:*:*:*:*:*:*:*\",", sqlite, sqlite
      printf " \"description\": \"translated to Go in modernc.org/sqlite\"}"
      part("stdlib", $0, "pkg:golang/stdlib@" $0)
      print "}"
    }
    $2 == "dep" {
      part($3, $4, "pkg:golang/" $3 "@" $4)
      printf ", \"properties\": [{\"name\": \"go.sum\", \"value\": \"%s\"}]}", $5
    }
    END { print "\n  ]\n}" }'
}

# copyright BINARY: the licences of everything that is linked in.
copyright() {
  echo "$name is the work of its authors; see its repository."
  [ ! -e LICENSE ] || cat LICENSE
  echo "It contains Go's standard library and the modules below, each under its own licence."
  printf '\n==== Go ====\n\n'
  cat "$(go env GOROOT)/LICENSE"
  modules "$1" | awk -F '\t' '$2 == "dep" { print $3 "@" $4 }' | sort | while read -r module; do
    printf '\n==== %s ====\n\n' "$module"
    dir=$(go list -m -f '{{.Dir}}' "${module%@*}")
    find "$dir" -maxdepth 1 -type f -iregex '.*/\(licen[cs]e\|copying\|notice\)[^/]*' | sort | while read -r file; do
      cat "$file"
    done
  done
}

build "$(go env GOHOSTARCH)" "$work/helper"
export HELPER=$work/helper
"$HELPER" demo "$work/demo" >/dev/null
sqlite=$("$HELPER" query --db "$work/demo/fleet.db" --format csv 'SELECT sqlite_version()' | tail -n 1 | tr -d '"\r')
[[ $sqlite =~ ^3\.[0-9.]+$ ]] || { echo "no version of SQLite: $sqlite" >&2; exit 1; }

mkdir -p "$out"
[ $# -gt 0 ] || set -- amd64 arm64 armhf
for arch; do
  root=$work/$arch doc=$work/$arch/usr/share/doc/$name
  build "$arch" "$work/$name-$arch"
  deploy/install.sh --stage "$root" "$work/$name-$arch"
  mkdir -p "$doc" "$root/DEBIAN"
  copyright "$work/$name-$arch" >"$doc/copyright"
  sbom "$work/$name-$arch" "$arch" >"$doc/sbom.cdx.json"
  git ls-files -z '*README.md' ':!.ci' | while IFS= read -rd '' readme; do
    mkdir -p "$doc/$(dirname "$readme")"
    gzip -9n <"$readme" >"$doc/$readme.gz"
  done
  gzip -9n <deploy/CHANGELOG.md >"$doc/changelog.gz"
  printf '%s\n' /etc/default/$name /etc/logrotate.d/$name >"$root/DEBIAN/conffiles"
  install -m 0755 deploy/debian/{postinst,prerm,postrm} "$root/DEBIAN/"
  size=$(cd "$root" && find . -path ./DEBIAN -prune -o -type f -printf '%s\n' | awk '{ kib += int(($1 + 1023) / 1024) } END { print kib }')
  sed "s/@VERSION@/$version/; s/@ARCH@/$arch/; s/@SIZE@/$size/" deploy/debian/control.in >"$root/DEBIAN/control"
  (cd "$root" && find . -path ./DEBIAN -prune -o -type f -printf '%P\n' | grep -v '^etc/' | sort | xargs md5sum >DEBIAN/md5sums)
  find "$root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
  deb=$out/${name}_${version}_$arch.deb
  # One thread: how many there are shows in the bytes.
  dpkg-deb --root-owner-group -Zxz --threads-max=1 --build "$root" "$deb" >/dev/null
  (cd "$out" && sha256sum "$(basename "$deb")")
done
