#!/bin/bash
# init_test.sh BUILD_DIR CXX [CMAKE_ARGUMENT...]: what "fdrpc init" makes builds with an installation of
# BUILD_DIR, its test passes, and its server can be called and described.
set -euo pipefail
build=$(cd "$1" && pwd)
cxx=$2
shift 2
work=$(mktemp -d)
clean_up() {
  local status=$? server
  ((status == 0)) || cat "$work"/log || true
  for server in $(jobs -p); do kill -KILL "$server" || true; done
  rm -rf "$work"
}
trap clean_up EXIT

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

cmake --install "$build" --prefix "$work/prefix" > "$work/log"
PATH=$work/prefix/bin:$PATH
[[ -s $work/prefix/share/man/man1/fdrpc.1 ]] || fail 'there is no manual page'
[[ -s $work/prefix/share/bash-completion/completions/fdrpc ]] || fail 'there is no completion'

# A directory of another name each time is no reason to compile again.
export CCACHE_BASEDIR=$work CCACHE_NOHASHDIR=1
cd "$work"
fdrpc init trial > "$work/log"
call=$(grep '^  fdrpc call ' "$work/log") || fail 'it does not say how to call the service'
cmake -S trial -B trial/build "-DCMAKE_PREFIX_PATH=$work/prefix" "-DCMAKE_CXX_COMPILER=$cxx" \
  -DCMAKE_CXX_FLAGS='-O0 -Wall -Wextra -Werror' "$@" > "$work/log"
cmake --build trial/build >> "$work/log"
ctest --test-dir trial/build >> "$work/log"

trial/build/trial-server unix:trial.sock &
fdrpc health --wait unix:trial.sock > "$work/log"
[[ $(trial/build/trial-client unix:trial.sock trial/trial.proto) == 'syntax = "proto3";' ]] ||
  fail 'the client does not print the first line'
fdrpc describe unix:trial.sock trial.Opener > "$work/described"
grep -q '// Opens a file for reading.' "$work/described" ||
  fail 'the service is not described with its comments'
fdrpc call unix:trial.sock trial.Opener/Open '{"path": "trial/.gitignore"}' --save - |
  cmp - trial/.gitignore || fail 'the call does not bring the file'
eval "${call/hostname/passwd}" | cmp - /etc/passwd || fail "the call that it proposes fails: $call"
kill %1
wait %1 || fail "the server ended with status $? on SIGTERM"
