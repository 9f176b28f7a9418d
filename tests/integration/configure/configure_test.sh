#!/bin/bash
# configure_test.sh SOURCE_DIR CXX CASE: configures fdrpc in another way than the
# build that this runs in, and generates code with it as far as that takes no
# compiling.
#   subproject    as a part of another project
#   shared        with a shared library
#   usdt          with and without probes
#   grpc          without gRPC
#   config_mode   with a Protocol Buffers that brings a CMake config file
set -euo pipefail
source=$1
cxx=$2
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

case $3 in
subproject)
  cmake -S "$here/subproject" -B "$work/build" "-DCMAKE_CXX_COMPILER=$cxx" \
    "-DFDRPC_SOURCE_DIR=$source"
  # Nothing of fdrpc's is tested or installed by a project that contains it.
  ctest --test-dir "$work/build" -N | grep -q 'Total Tests: 0' || fail "there are tests"
  cmake --install "$work/build" --prefix "$work/prefix"
  [[ ! -e $work/prefix ]] || fail "something was installed"
  ;;
shared)
  with=(-S "$source" -B "$work/build" "-DCMAKE_CXX_COMPILER=$cxx" -DBUILD_SHARED_LIBS=ON)
  for unfit in FDRPC_BUILD_TESTS FDRPC_BENCH FDRPC_ABSEIL_ARCHIVES; do
    if cmake "${with[@]}" "-D$unfit=ON" > "$work/log" 2>&1; then fail "it builds with $unfit"; fi
    grep -q "$unfit.* need.* BUILD_SHARED_LIBS=OFF" "$work/log" || fail "it does not say why: $(cat "$work/log")"
    rm -r "$work/build"
  done
  cmake "${with[@]}"
  cmake --build "$work/build" --target help | grep fdrpc_shared || fail "there is no shared library"
  ;;
usdt)
  with=(-S "$source" -B "$work/build" "-DCMAKE_CXX_COMPILER=$cxx")
  # The header is said to be missing.
  if cmake "${with[@]}" -DFDRPC_USDT=ON -DFDRPC_HAVE_SDT= > "$work/log" 2>&1; then fail "it needs no header"; fi
  grep -q "there is no sys/sdt.h (on Debian: systemtap-sdt-dev)" "$work/log" || fail "it does not say why: $(cat "$work/log")"
  if cmake "${with[@]}" -DFDRPC_USDT=maybe > "$work/log" 2>&1; then fail "it takes any value"; fi
  grep -q 'FDRPC_USDT is "maybe": it can be ON, OFF or AUTO' "$work/log" || fail "it does not say why: $(cat "$work/log")"
  cmake "${with[@]}" -DFDRPC_USDT=AUTO -DFDRPC_HAVE_SDT= | grep "Calls have no probes" || fail "AUTO does not say so"
  cmake "${with[@]}" -DFDRPC_USDT=OFF
  ;;
grpc)
  with=(-S "$source" -B "$work/build" "-DCMAKE_CXX_COMPILER=$cxx" -DFDRPC_BUILD_SERVICES=OFF)
  # pkg-config finds nothing.
  export PKG_CONFIG_LIBDIR=$work PKG_CONFIG_PATH=
  if cmake "${with[@]}" -DFDRPC_GRPC=ON > "$work/log" 2>&1; then fail "it needs no gRPC"; fi
  tr -s '[:space:]' ' ' < "$work/log" | grep -q "gRPC for C++ is not installed (on Debian: libgrpc++-dev)" ||
    fail "it does not say why: $(cat "$work/log")"
  if cmake "${with[@]}" -DFDRPC_GRPC=maybe > "$work/log" 2>&1; then fail "it takes any value"; fi
  grep -q "FDRPC_GRPC is maybe; it takes AUTO, ON or OFF" "$work/log" || fail "it does not say why: $(cat "$work/log")"
  cmake "${with[@]}" -DFDRPC_GRPC=AUTO | grep "Not built: fdrpc::grpc" || fail "AUTO does not say so"
  cmake "${with[@]}" -DFDRPC_GRPC=OFF
  ;;
config_mode)
  cmake -S "$source" -B "$work/build" "-DCMAKE_CXX_COMPILER=$cxx" -DFDRPC_BUILD_TESTS=OFF \
    -DFDRPC_BUILD_SERVICES=OFF "-DProtobuf_DIR=$here/config_mode"
  grep -q FDRPC_TEST_CONFIG_MODE "$work/build/CMakeCache.txt" || fail "not in config mode"
  ;;
*)
  fail "there is no case $3"
  ;;
esac
cmake --build "$work/build" --target fdrpc_options_generation
