#!/bin/bash
# current_protobuf.sh ROOT [TARGET...]: builds TARGETs, which are the generator's
# tests if none is named, with the compiler and the libraries of Debian sid and
# the Protocol Buffers of experimental, and runs the tests of codegen/.
#
# ROOT is the directory of that system. It is made if it is not there, and kept
# with the build in it: some 2 GB. Needs root and debootstrap; APT_OPTIONS are
# further options for apt-get.
set -euo pipefail
if (($# == 0)); then
  sed -n '2,9s/^# \?//p' "$0" >&2
  exit 2
fi
if [[ -z ${FDRPC_OWN_MOUNTS-} ]]; then # that end with this script
  FDRPC_OWN_MOUNTS=1 exec unshare --mount "$0" "$@"
fi
source=$(cd "$(dirname "$0")/../../.." && pwd)
mkdir -p "$1"
root=$(cd "$1" && pwd)
shift
(($# > 0)) || set -- codegen_test codegen_generated_test

inside() { chroot "$root" env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 "$@"; }

if [[ ! -e $root/fdrpc_packages ]]; then
  [[ -e $root/etc/apt/sources.list ]] || debootstrap --variant=minbase sid "$root"
  sed 's/ sid / experimental /' "$root/etc/apt/sources.list" \
    > "$root/etc/apt/sources.list.d/experimental.list"
  printf '%s\n' 'Package: libprotobuf* libprotoc* protobuf-compiler libupb* libutf8-*' \
    'Pin: release a=experimental' 'Pin-Priority: 990' > "$root/etc/apt/preferences.d/protobuf"
  # shellcheck disable=SC2086 # options are words
  inside apt-get ${APT_OPTIONS-} update
  # shellcheck disable=SC2086
  inside apt-get ${APT_OPTIONS-} install --yes --no-install-recommends cmake g++ libabsl-dev \
    libgmock-dev libprotobuf-dev libprotoc-dev libssl-dev libuv1-dev ninja-build pkgconf \
    protobuf-compiler python3 systemd
  inside dpkg-query --show > "$root/fdrpc_packages"
fi

mkdir -p "$root/source" "$root/build"
mount --bind -o ro "$source" "$root/source"
mount --bind /dev "$root/dev"
mount -t proc proc "$root/proc"
inside g++ --version | head -1
inside protoc --version
inside cmake -S /source -B /build -G Ninja -DCMAKE_BUILD_TYPE=Release -DFDRPC_BUILD_TESTS=ON
inside nice cmake --build /build --target "$@"
inside ctest --test-dir /build --output-on-failure --no-tests=error -R '^codegen/'
