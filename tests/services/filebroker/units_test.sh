#!/bin/bash
# units_test.sh PROGRAM UNITS: whether systemd understands the sample units in the
# directory UNITS, with PROGRAM in the place of the one that would be installed.
set -euo pipefail
program=$(realpath "$1")
units=$2
command -v systemd-analyze > /dev/null || {
  echo "systemd-analyze is missing: on Debian it is in the package systemd" >&2
  exit 1
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for unit in "$units"/*; do
  sed "s|^ExecStart=[^ ]*|ExecStart=$program|" "$unit" > "$work/${unit##*/}"
done
# What it only warns of leaves its exit status 0. Of other units it may say what
# it likes.
verify() {
  systemd-analyze verify --man=no --recursive-errors=no "$work"/* 2>&1 | grep fdrpc- || true
}
said=$(verify)
if [[ $said ]]; then
  echo "$said" >&2
  exit 1
fi
# That it would have said so.
sed -i 's/^Type=.*/Type=none/' "$work"/*.service
[[ $(verify) ]] || {
  echo "systemd-analyze finds nothing wrong with Type=none" >&2
  exit 1
}
