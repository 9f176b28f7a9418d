#!/bin/bash
# snippets_test.sh: each block of C++ in docs/guide/ and README.md has a file name, and the tests of
# this directory include each file, so that a snippet that does not compile or does not
# work fails them.
set -euo pipefail
tests=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# unused PAGE...: the snippets of the pages that no test includes.
unused() {
  grep -hoE '^<!-- file: [^ ]+\.inc -->$' "$@" | cut -d' ' -f3 | sort > "$work/snippets"
  grep -hoE '^#include "[a-z_]+\.inc"$' "$tests"/*_test.cc "$tests"/*.h | cut -d'"' -f2 |
    sort -u | comm -23 "$work/snippets" -
}
# unnamed PAGE...: the blocks of C++ without a name.
unnamed() {
  awk '/^```cpp/ && previous !~ /^<!-- file: / { print FILENAME ":" FNR }
       { previous = $0 }' "$@"
}

pages=("$tests"/../../docs/guide/*.md "$tests"/../../README.md)
for check in unused unnamed; do
  found=$($check "${pages[@]}")
  if [[ -n $found ]]; then
    echo "$check in docs/guide/ or README.md:" $found
    exit 1
  fi
done

printf '<!-- file: made_up.inc -->\n```cpp\n```\n\n```cpp\n```\n' > "$work/page.md"
if [[ $(unused "$work/page.md") != made_up.inc ]]; then
  echo 'a snippet that no test includes is not found'
  exit 1
fi
if [[ $(unnamed "$work/page.md") != "$work/page.md:5" ]]; then
  echo 'a block without a name is not found'
  exit 1
fi
