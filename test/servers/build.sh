#!/usr/bin/env bash
# Builds the real servers of the tests, and what drives others for them: every folder here with a go.mod becomes a binary of
# the folder's name in the cache folder ($SHIMTRACE_SERVERS, else ${XDG_CACHE_HOME:-~/.cache}/shimtrace-servers): of its own main.go, else of the
# package that the one `tool` line of its go.mod names. The smallest comes first.
# What is already built from the same sources, flags and Go stays. Needs Go and its module proxy the first time (minutes
# of one core: the Collector three, Tempo five, Jaeger seven); go.sum pins every module.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

cache=${SHIMTRACE_SERVERS:-${XDG_CACHE_HOME:-$HOME/.cache}/shimtrace-servers}
# Flags are part of Go's own cache key: the same ones every time, or everything is compiled again.
flags=(-mod=readonly -buildvcs=false -trimpath '-ldflags=-s -w')

go=$(command -v go || true)
# Go's own installer does not touch the PATH.
if [ -z "$go" ] && [ -x /usr/local/go/bin/go ]; then go=/usr/local/go/bin/go; fi

stamp_of() { # FOLDER
  { cat "$1/go.mod" "$1/go.sum"; if [ -e "$1/main.go" ]; then cat "$1/main.go"; fi; echo "${flags[@]}"; "$go" env GOVERSION GOOS GOARCH; } | sha256sum | cut -d' ' -f1
}

build() { # FOLDER
  local name=$1 package stamp
  package=.
  if [ ! -e "$name/main.go" ]; then package=$(sed -n 's/^tool \([^ ]*\)$/\1/p' "$name/go.mod"); fi
  stamp=$(stamp_of "$name")
  if [ -x "$cache/$name" ] && [ "$(cat "$cache/$name.stamp" 2>/dev/null)" = "$stamp" ]; then
    echo "$name: up to date in $cache"
    return
  fi
  echo "$name: building, which takes some minutes the first time"
  # A stopped build must not leave half a binary under the name the tests look for.
  (cd "$name" && GOFLAGS='' GOTOOLCHAIN=local GOWORK=off "$go" build "${flags[@]}" -o "$cache/$name.new" "$package")
  mv "$cache/$name.new" "$cache/$name"
  echo "$stamp" > "$cache/$name.stamp"
  echo "$name: built in $cache"
}

if [ -z "$go" ]; then
  echo "test:servers: Go is missing. The real servers of the tests are built from source: install Go 1.26 or later (https://go.dev/dl), then run this again." >&2
  exit 69
fi
mkdir -p "$cache"
for module in $(ls -rS */go.mod); do build "$(dirname "$module")"; done
