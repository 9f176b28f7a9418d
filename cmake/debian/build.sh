#!/bin/bash
# build.sh DIRECTORY [VERSION]: builds the Debian packages in DIRECTORY, which is kept
# for the next time, and has lintian check them. They are DIRECTORY/VERSION/*.deb; the
# version is the project's if none is named. JOBS is how many compilers run at once.
set -euo pipefail
if (($# < 1 || $# > 2)); then
  sed -n '2,4s/^# \?//p' "$0" >&2
  exit 2
fi
tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
project=$(sed -n 's/^project(fdrpc VERSION \([0-9.]*\).*/\1/p' "$tree/CMakeLists.txt")
version=${2:-$project}
if ! dpkg --validate-version "$version" || [[ $version != [0-9]* || $version == *[-:]* ]]; then
  echo "build.sh: \"$version\" cannot be the version; one is $project+2" >&2
  exit 2
fi
# As cmake/FdrpcParts.cmake has it.
soversion=${project%%.*}
[[ $soversion != 0 ]] || soversion=$(cut -d. -f1,2 <<< "$project")
mkdir -p "$1"
cd "$1"

# A copy, because debian/ is at the top of it. The compiler sees the same path and the
# same times each time, and the build is beside it, so that a second one is short.
rm -rf source "$version"
mkdir source "$version"
(cd "$tree" && cp -a --parents CMakeLists.txt README.md cmake codegen docs proto runtime services "$OLDPWD/source")
mv source/cmake/debian source/debian
for file in source/debian/*libfdrpc.*; do
  mv "$file" "${file/libfdrpc./libfdrpc$soversion.}"
done
sed "s/@SOVERSION@/$soversion/g" source/debian/control.in > source/debian/control
rm source/debian/control.in source/debian/build.sh
# The date of the last change, if the tree knows it, for packages that can be built again.
date=$(git -C "$tree" log -1 --format=%ct 2> /dev/null || stat -c %Y "$tree/CMakeLists.txt")
cat > source/debian/changelog << TEXT
fdrpc ($version) bookworm; urgency=medium

  * The changes are in the project's history.

 -- $(sed -n 's/^Maintainer: //p' source/debian/control)  $(date -R -u -d "@$date")
TEXT

if command -v ccache > /dev/null; then
  export CMAKE_CXX_COMPILER_LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER-ccache}
  # debhelper has a home directory of its own.
  CCACHE_DIR=$(ccache --get-config cache_dir)
  export CCACHE_DIR
fi
cd source
# Unsigned, binary packages alone, and without "clean", which is for trees that are used
# twice.
DEB_BUILD_OPTIONS="parallel=${JOBS:-$(nproc)} ${DEB_BUILD_OPTIONS-}" \
  dpkg-buildpackage --no-sign --build=binary --no-pre-clean > "../$version/build.log" 2>&1 || {
  tail -n 40 "../$version/build.log" >&2
  echo "build.sh: dpkg-buildpackage failed; all that it says is in $PWD/../$version/build.log" >&2
  exit 1
}
cd ..
mv fdrpc_"$version"_* ./*_"$version"_*.deb "$version/"
lintian --allow-root --fail-on error,warning "$version"/*.changes
printf '%s\n' "$PWD/$version"/*.deb
