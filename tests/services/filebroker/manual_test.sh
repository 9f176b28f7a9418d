#!/bin/bash
# manual_test.sh PROGRAM PAGE: whether the manual page PAGE has the options that
# PROGRAM --help prints, and no others.
set -euo pipefail
options() { grep -oE -- '--[a-z]+[a-z-]*' | sort -u; }
printed=$("$1" --help | options)
# \- is a hyphen.
described=$(sed 's/\\-/-/g' "$2" | options)
[[ $(wc -l <<< "$printed") -gt 3 ]] || {
  echo "$1 --help prints too few options: $printed" >&2
  exit 1
}
diff <(echo "$printed") <(echo "$described") || {
  echo "$1 has the options at <, its manual page $2 those at >" >&2
  exit 1
}
