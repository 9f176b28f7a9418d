#!/bin/bash
# package_test.sh DIRECTORY OLD NEW: whether the packages DIRECTORY/OLD/*.deb can be
# installed in a minimal Debian 12, the quick start of README.md works with them, they
# can be upgraded to DIRECTORY/NEW/*.deb, and nothing is left of them once they are
# purged. Needs root and debootstrap.
#
# The system is DIRECTORY/root. What is downloaded for it is kept beside it.
# shellcheck disable=SC2016 # dpkg-query and other shells expand these
set -euo pipefail
if (($# != 3)); then
  sed -n '2,7s/^# \?//p' "$0" >&2
  exit 2
fi
if [[ -z ${FDRPC_OWN_MOUNTS-} ]]; then # that end with this script, as its processes do
  FDRPC_OWN_MOUNTS=1 exec unshare --mount --pid --fork --kill-child "$0" "$@"
fi
tree=$(cd "$(dirname "$0")/../../.." && pwd)
cd "$1"
old=$2 new=$3
root=$PWD/root

step() { printf '\n== %s\n' "$*"; }
fail() {
  echo "FAILED: $*" >&2
  exit 1
}
inside() {
  chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
    DEBIAN_FRONTEND=noninteractive "$@"
}
apt() { inside apt-get -qq --no-install-recommends -o Dpkg::Use-Pty=0 "$@"; }

step "A minimal Debian 12"
if [[ ! -e bookworm.tar ]]; then
  rm -rf "$root"
  debootstrap --variant=minbase bookworm "$root" > debootstrap.log || {
    tail "debootstrap.log" >&2
    fail "debootstrap"
  }
  tar -C "$root" -cf bookworm.tar.new .
  mv bookworm.tar.new bookworm.tar
fi
rm -rf "$root"
mkdir -p "$root" archives
tar -C "$root" -xf bookworm.tar
mkdir "$root/source" "$root/packages"
mount --bind -o ro "$tree" "$root/source"
mount --bind "$PWD" "$root/packages"
mount --bind archives "$root/var/cache/apt/archives"
mount --bind /dev "$root/dev"
mount -t proc proc "$root/proc"
apt update

packages() { # VERSION
  (cd "$1" && printf '%s\n' *.deb) | grep -v -- -dbgsym_ | sed "s|^|/packages/$1/|"
}
mapfile -t old_packages < <(packages "$old")
mapfile -t new_packages < <(packages "$new")
mapfile -t names < <(printf '%s\n' "${old_packages[@]}" | sed 's|.*/||; s/_.*//')

step "Their dependencies, and what programs are built with"
mapfile -t others < <(inside apt-get --simulate --no-install-recommends install "${old_packages[@]}" |
  sed -n 's/^Inst \([^ ]*\).*/\1/p' | grep -vxF -f <(printf '%s\n' "${names[@]}"))
((${#others[@]} > 0)) || fail "they depend on nothing"
apt install "${others[@]}" cmake g++ make man-db pkgconf > /dev/null
# All files; of those that change whenever dpkg runs, only the names of fdrpc's.
files() {
  inside find / -regex '/\(source\|packages\|proc\|dev\|tmp\|var/\(cache\|log\|lib/\(apt\|dpkg\)\)\)' -prune \
    -o -printf '%y %m %u %g %p %l\n' | sort
  # man(1) keeps the pages that it has shown.
  inside find /var -path /var/cache/man -prune -o -name '*fdrpc*' -print | sort
  inside dpkg-query --show --showformat='${Package} ${db:Status-Abbrev}\n'
}
files > files.before

step "Installation of $old"
apt install "${old_packages[@]}" > /dev/null
inside dpkg-query --show --showformat='${Package} ${Version}\n' "${names[@]}"
for unit in fdrpc-{filebroker,blobstore}.{service,socket}; do
  [[ -s $root/lib/systemd/system/$unit ]] || fail "$unit is not installed"
done
[[ -z $(find "$root/etc/systemd" -name '*fdrpc*') ]] || fail "a service is enabled"
# Each program has a manual page, which says something.
for program in $(inside dpkg -L "${names[@]}" | sed -n 's|^/usr/bin/||p'); do
  inside man --warnings "$program" 2>&1 | grep -q "^SYNOPSIS" || fail "man $program"
  [[ $program == protoc-gen-* ]] || inside "$program" --help > /dev/null || fail "$program --help"
done
for page in README.md docs/guide/README.md api/classfdrpc_1_1Server.html; do
  [[ -s $root/usr/share/doc/fdrpc-doc/$page ]] || fail "fdrpc-doc does not have $page"
done

step "The exported symbols"
library=$(find "$root/usr/lib" -name 'libfdrpc.so.*' -type f)
"$tree/tests/integration/exports/exports_test.py" library "$library"
grep -q server_call_start "$library" || fail "the library has no probes"

step "The quick start"
inside /source/tests/docs/quickstart_test.sh installed c++

step "A project with CMake, and with pkg-config and make"
inside cp -r /source/tests/integration/install/outside /tmp/outside
inside cmake -S /tmp/outside -B /tmp/with-cmake > "$root/tmp/log"
inside cmake --build /tmp/with-cmake --target echo >> "$root/tmp/log"
inside /tmp/with-cmake/echo
inside make -C /tmp/outside CXX=c++ echo >> "$root/tmp/log"
inside /tmp/outside/echo

step "A project over gRPC"
inside cp -r /source/tests/integration/install/outside_grpc /tmp/outside_grpc
inside cmake -S /tmp/outside_grpc -B /tmp/over-grpc >> "$root/tmp/log"
inside cmake --build /tmp/over-grpc >> "$root/tmp/log"
inside /tmp/over-grpc/over_grpc

step "The file broker, a recording of its calls, and the gateway"
broker() {
  inside bash -euc '
    mkdir -p /tmp/served
    echo content > /tmp/served/file
    fdrpc-filebroker --root /tmp/served --listen unix:/tmp/broker.sock > /tmp/broker.log &
    broker=$!
    [[ $(fdrpc-open --wait --server unix:/tmp/broker.sock file) == content ]]
    fdrpc ps | grep /tmp/broker.sock

    fdrpc capture unix:/tmp/broker.sock --listen unix:/tmp/relay.sock -o /tmp/recording > /tmp/capture.log &
    capture=$!
    [[ $(fdrpc-open --wait --server unix:/tmp/relay.sock file) == content ]]
    kill "$capture"
    wait "$capture"
    fdrpc show /tmp/recording | grep -q FileBroker/Open

    protoc -I/source/proto -I/usr/include --include_imports --descriptor_set_out=/tmp/broker.set \
      fdrpc/filebroker/v1/filebroker.proto
    fdrpc-gateway --listen 127.0.0.1:50051 --to unix:/tmp/broker.sock --insecure \
      --descriptor-set /tmp/broker.set > /tmp/there.log &
    there=$!
    until grep -q "listening on" /tmp/there.log; do
      kill -0 "$there"
      sleep 0.1
    done
    fdrpc-gateway --listen unix:/tmp/back.sock --to 127.0.0.1:50051 --insecure \
      --descriptor-set /tmp/broker.set > /tmp/back.log &
    back=$!
    # There and back; the broker itself answers.
    fdrpc call --wait --descriptor-set /tmp/broker.set unix:/tmp/back.sock fdrpc.filebroker.v1.FileBroker/Open \
      "{}" 2>&1 | grep "INVALID_ARGUMENT: the request has no"
    kill "$back" && wait "$back"
    kill "$there" && wait "$there"
    kill "$broker"
    wait "$broker"'
}
broker || fail "fdrpc-filebroker, fdrpc-open, fdrpc or fdrpc-gateway"

step "All services, hosted"
for program in filebroker/fdrpc-{filebroker,open} blobstore/fdrpc-{blobstore,blob} \
  launcher/fdrpc-{launcher,run} host/fdrpc-{host,hostctl} tool/fdrpc; do
  inside mkdir -p "/tmp/build/services/${program%/*}"
  inside ln -s "/usr/bin/${program#*/}" "/tmp/build/services/$program"
done
inside /source/services/host/demo.sh /tmp/build

step "Upgrade to $new"
apt install "${new_packages[@]}" > /dev/null
inside dpkg-query --show --showformat='${Package} ${Version}\n' "${names[@]}" | tee "$root/tmp/versions"
awk -v "version=$new" '$2 != version { wrong = 1 } END { exit wrong }' "$root/tmp/versions" ||
  fail "some of those above have another version"
# Programs that were built before still work.
inside /tmp/with-cmake/echo
broker

step "Removal"
apt purge "${names[@]}" > /dev/null
files > files.after
diff files.before files.after || fail "the purge has left, or changed, what is above"
echo "nothing is left"
