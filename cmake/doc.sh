#!/bin/bash
# doc.sh DIRECTORY: makes the reference of the API in DIRECTORY/html with doxygen. Fails
# if doxygen warns of anything.
set -euo pipefail
if (($# != 1)); then
  sed -n '2,3s/^# \?//p' "$0" >&2
  exit 2
fi
mkdir -p "$1"
output=$(cd "$1" && pwd)
rm -rf "$output/html"
cd "$(dirname "${BASH_SOURCE[0]}")/.."
doxygen - << TEXT
@INCLUDE = cmake/Doxyfile
OUTPUT_DIRECTORY = "$output"
PROJECT_NUMBER = $(sed -n 's/^project(fdrpc VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
TEXT
