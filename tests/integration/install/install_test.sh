#!/bin/bash
# install_test.sh BUILD_DIR CXX [CMAKE_ARGUMENT...]: installs a built tree, moves
# it, and builds and runs a project outside of it in the two ways that a user
# can: with CMake, and with pkg-config, protoc and a compiler.
set -euo pipefail
build=$(cd "$1" && pwd)
cxx=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

step() { printf '\n== %s\n' "$*"; }
fail() {
  echo "FAILED: $*" >&2
  exit 1
}

step "Installing"
cmake --install "$build" --prefix "$work/first" > "$work/install.log"
mv "$work/first" "$work/prefix"
if grep -rIlF -e "$build/" -e "$work/first" "$work/prefix"; then
  fail "the installed files above name the place that they were built in or installed to"
fi
# Headers must compile alone: a public one that includes a private one would not.
for header in "$work"/prefix/include/fdrpc/*.h; do
  echo "#include \"fdrpc/$(basename "$header")\""
done > "$work/all_headers.cc"
pc=$(dirname "$(find "$work/prefix" -name fdrpc.pc)")
export PKG_CONFIG_PATH=$pc${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}
# shellcheck disable=SC2046 # flags are words
"$cxx" -std=c++20 -Wall -Wextra -Werror -fsyntax-only $(pkg-config --cflags fdrpc) \
  "$work/all_headers.cc"

step "With CMake"
cp -r "$here/outside" "$work/outside"
configure() { # BUILD_DIR ARGUMENT...
  cmake -S "$work/outside" -B "$1" "-DCMAKE_PREFIX_PATH=$work/prefix" \
    "-DCMAKE_CXX_COMPILER=$cxx" "${@:2}"
}
# With joined sources, as some projects build; make below compiles each alone.
configure "$work/with-cmake" -DCMAKE_UNITY_BUILD=ON "$@"
cmake --build "$work/with-cmake"
"$work/with-cmake/echo"
"$work/with-cmake/echo_alone"
if [[ -e $work/with-cmake/echo_mocked ]]; then "$work/with-cmake/echo_mocked"; fi

step "Over gRPC"
if [[ -n $(find "$work/prefix" -name fdrpcGrpcTargets.cmake) ]]; then
  cp -r "$here/outside_grpc" "$work/outside_grpc"
  cmake -S "$work/outside_grpc" -B "$work/with-grpc" "-DCMAKE_PREFIX_PATH=$work/prefix" \
    "-DCMAKE_CXX_COMPILER=$cxx" "$@"
  cmake --build "$work/with-grpc"
  "$work/with-grpc/over_grpc"
else
  echo "it was built without gRPC"
fi

step "Refuses other versions than it was built with"
other=$work/other
mkdir "$other"
echo 'set(PACKAGE_VERSION 99.1.0)' |
  tee "$other/protobuf-config-version.cmake" > "$other/abslConfigVersion.cmake"
touch "$other/abslConfig.cmake"
echo 'add_library(protobuf::libprotobuf INTERFACE IMPORTED)
add_executable(protobuf::protoc IMPORTED)' > "$other/protobuf-config.cmake"
printf '%s\n' 'Name: p' 'Description: p' 'Version: 99.1.0' > "$other/protobuf.pc"
# refused NAMED COMMAND...: the command fails, and its output names what it got.
refused() {
  if "${@:2}" > "$work/refused.log" 2>&1; then fail "$1 is taken"; fi
  tr -s '[:space:]' ' ' < "$work/refused.log" | grep -oE "$1" ||
    fail "the error does not name both versions: $(cat "$work/refused.log")"
}
refused 'built with Protocol Buffers [1-9][0-9.]+, but CMake finds 99\.1\.' \
  configure "$work/refused-protobuf" "-DProtobuf_DIR=$other" "$@"
refused 'built with abseil [1-9][0-9.]+, but CMake finds 99\.1\.0\.' \
  configure "$work/refused-abseil" "-Dabsl_DIR=$other" "$@"
refused 'protobuf < [1-9][0-9.]+.*99\.1\.0' \
  env "PKG_CONFIG_PATH=$other:$PKG_CONFIG_PATH" pkg-config --print-errors --exists fdrpc

step "With abseil's archives"
if grep -q '^BUILD_SHARED_LIBS:BOOL=ON$' "$build/CMakeCache.txt"; then
  refused 'FDRPC_ABSEIL_ARCHIVES is ON, but this fdrpc is a shared library' \
    configure "$work/with-archives" -DFDRPC_ABSEIL_ARCHIVES=ON "$@"
elif ldd "$(ldd "$work/with-cmake/echo" | awk '/libprotobuf/ { print $3 }')" | grep -q libabsl; then
  refused 'FDRPC_ABSEIL_ARCHIVES is ON, but the shared library of Protocol Buffers' \
    configure "$work/with-archives" -DFDRPC_ABSEIL_ARCHIVES=ON "$@"
else
  configure "$work/with-cmake" -DFDRPC_ABSEIL_ARCHIVES=ON "$@" # which only links again
  cmake --build "$work/with-cmake" --target echo
  "$work/with-cmake/echo"
  if ldd "$work/with-cmake/echo" | grep libabsl; then
    fail "the program needs the shared libraries above"
  fi
fi

for generator in Ninja "Unix Makefiles"; do
  step "A changed import generates again what imports it: $generator"
  build=$work/regeneration-$generator
  configure "$build" -G "$generator" > "$work/configure.log"
  # Whether it generated.
  generate() {
    cmake --build "$build" --target echo_proto_generation > "$work/generate.log"
    grep -q 'Generating C++ from outside/echo.proto' "$work/generate.log"
  }
  generate || fail "generates nothing"
  for changed in proto/outside/echo.proto proto/outside/words.proto \
    ../prefix/include/fdrpc/fd.proto ../prefix/bin/protoc-gen-fdrpc; do
    if generate; then fail "generates again though nothing has changed"; fi
    touch "$work/outside/$changed"
    generate || fail "does not generate again when $changed has changed"
  done
done

step "With pkg-config, protoc and make"
cp -r "$here/outside" "$work/with-make"
make -C "$work/with-make" CXX="$cxx" echo
LD_LIBRARY_PATH=$(dirname "$pc") "$work/with-make/echo"
