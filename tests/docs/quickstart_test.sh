#!/bin/bash
# quickstart_test.sh BUILD_DIR CXX: does what README.md says in its quick start,
# with the files that stand in it, and with an installation of BUILD_DIR. If
# BUILD_DIR is "installed", fdrpc is where CMake finds it.
set -euo pipefail
build=$1
[[ $build == installed ]] || build=$(cd "$1" && pwd)
export CXX=$2
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
clean_up() {
  local status=$? server
  ((status == 0)) || cat "$work"/{install.log,printed} 2> /dev/null || true
  for server in $(jobs -p); do kill -KILL "$server" || true; done
  rm -rf "$work"
}
trap clean_up EXIT

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

mkdir "$work/quickstart"
awk -v "out=$work/quickstart" -f "$here/extract.awk" "$here/../../README.md"
# Its ~/opt/fdrpc is a directory of this test's.
export HOME=$work
[[ $build == installed ]] || cmake --install "$build" --prefix ~/opt/fdrpc > "$work/install.log"

# The commands one after the other, as they would be typed into a shell.
cd "$work/quickstart"
source ./run.sh > "$work/printed"
wait $! || fail "the server ended with status $? on SIGTERM"
[[ ! -e quickstart.sock ]] || fail 'the server has left its socket file'

# The client prints the file's size and the file.
{
  echo "$(wc -c < CMakeLists.txt) bytes:"
  cat CMakeLists.txt
} > "$work/expected"
tail -n "$(wc -l < "$work/expected")" "$work/printed" | cmp - "$work/expected" ||
  fail 'the client does not print the file'
