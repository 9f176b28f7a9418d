#!/bin/bash
# conformance_names_test.sh: whether every test that docs/conformance.md names is
# defined under tests/, and whether this check finds one that is not.
set -euo pipefail
tests=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A definition may stand on two lines.
find "$tests" -name '*_test.cc' -exec cat {} + | tr '\n' ' ' |
  grep -oE '\b(TYPED_)?TEST(_F|_P)?\( *[A-Za-z0-9]+, *[A-Za-z0-9]+ *\)' |
  sed -E 's/.*\( *([A-Za-z0-9]+), *([A-Za-z0-9]+).*/\1.\2/' | sort -u > "$work/defined"

# undefined PAGE: what it names without its being defined.
undefined() {
  grep -oE '`[A-Z][A-Za-z0-9]*\.[A-Z][A-Za-z0-9]*`' "$1" | tr -d '`' | sort -u |
    comm -23 - "$work/defined"
}

page=$tests/../docs/conformance.md
found=$(undefined "$page") # fails where it names none at all
if [[ -n $found ]]; then
  echo "docs/conformance.md names tests that do not exist:" $found
  exit 1
fi

# The page with a name that is made up.
sed -E '0,/`UnaryTest\.[A-Za-z0-9]+`/s//`UnaryTest.IsMadeUp`/' "$page" > "$work/page.md"
if [[ $(undefined "$work/page.md") != UnaryTest.IsMadeUp ]]; then
  echo 'a made-up name is not found'
  exit 1
fi
