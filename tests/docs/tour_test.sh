#!/bin/bash
# tour_test.sh BUILD_DIR: does what README.md says of the services, with the commands that
# stand in it and the programs of BUILD_DIR.
set -euo pipefail
build=$(cd "${1:?"usage: tour_test.sh BUILD_DIR"}" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
clean_up() {
  local status=$? job
  for job in $(jobs -p); do
    kill "$job" || true
    wait "$job" || true
  done
  ((status == 0)) || cat "$work"/printed* || true
  rm -rf "$work"
}
trap clean_up EXIT
fail() {
  echo "FAILED: $*" >&2
  exit 1
}

mkdir "$work"/{bin,files,tour}
awk -v "out=$work/files" -f "$here/extract.awk" "$here/../../README.md"
ln -s "$build"/services/*/fdrpc-{host,hostctl,filebroker,open,blobstore,blob,launcher,run} "$work/bin"
PATH=$work/bin:$PATH
umask 022
cd "$work/tour"

# part NAME TEXT...: the commands of a part, as they would be typed into a shell, print
# lines that match.
part() {
  local part_name=$1 part_text
  shift
  source "$work/files/tour_$part_name.sh" > "$work/printed.$part_name" 2>&1
  for part_text in "$@"; do
    grep -qE "$part_text" "$work/printed.$part_name" ||
      fail "tour_$part_name.sh does not print: $part_text"
  done
}
part host '^files +listening ' '^blobs +listening ' '^launcher +listening '
host=$!
part files '^Dear reader$'
part blobs '^Dear reader$'
part launcher '^DEAR READER$'
part end '^files +running ' '^blobs +running ' '^launcher +running '
wait "$host" || fail "the host ended with status $? on SIGTERM"
[[ $(ls) == $'letters\nservices' ]] || fail "the host has left $(ls)"
