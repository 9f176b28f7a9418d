#!/bin/sh
# extract.awk writes the files of good pages, and refuses bad ones.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/out"

extract() { awk -v "out=$work/out" -f "$here/extract.awk" "$work/page.md" "$@"; }
fail() {
  echo "FAILED: $*" >&2
  exit 1
}

cat > "$work/page.md" << 'PAGE'
Text.

<!-- file: one.txt -->
```cpp
first line

  indented `code`, \n and %s
```
```
a block without a name
```
<!-- an ordinary comment -->

<!-- file: two.txt -->
~~~~
```
a block in a block
~~~
<!-- file: not-a-name -->
~~~~

<!-- file: empty -->
```
```
PAGE
extract || fail 'a good page is refused'
printf 'first line\n\n  indented `code`, \\n and %%s\n' | cmp - "$work/out/one.txt"
printf '```\na block in a block\n~~~\n<!-- file: not-a-name -->\n' | cmp - "$work/out/two.txt"
printf '' | cmp - "$work/out/empty"
[ "$(ls "$work/out" | wc -l)" -eq 3 ] || fail 'it writes other files, too'

printf '<!-- file: other -->\n```\n```\n' > "$work/other.md"
extract "$work/other.md" || fail 'two good pages are refused'
[ -e "$work/out/other" ] || fail 'it does not write the files of the second page'
printf '<!-- file: two.txt -->\n```\n```\n' > "$work/other.md"
if extract "$work/other.md" 2> "$work/message"; then fail 'two pages have one name'; fi
grep -q 'other.md:1: a second file' "$work/message" || fail "$(cat "$work/message")"

refused() { # PAGE MESSAGE
  printf "$1" > "$work/page.md"
  if extract 2> "$work/message"; then fail "not refused: $1"; fi
  grep -q "page.md:[0-9]*: $2" "$work/message" || fail "$1: $(cat "$work/message")"
}
refused 'Text.\n' 'no page contains a file'
refused '<!-- file: a -->\nText.\n```\n```\n' 'no block follows the name a'
refused '<!-- file: a -->\n' 'no block follows the name a'
refused '<!-- file: a -->\n\n```\n```\n' 'no block follows the name a'
refused '<!-- file: a -->\n<!-- file: b -->\n```\n```\n' 'two names'
refused '<!-- file: a -->\n```\ntext\n' 'a block does not end'
refused '<!-- file: a -->\n```\n```\n<!-- file: a -->\n```\n```\n' 'a second file'
refused '<!-- file: ../a -->\n```\n```\n' 'not a plain file name'
refused '<!-- file: /a -->\n```\n```\n' 'not a plain file name'
printf '```\n```\n' > "$work/other.md"
printf '<!-- file: a -->\n```\ntext\n' > "$work/page.md"
if extract "$work/other.md" 2> "$work/message"; then fail 'a page ends in a block'; fi
grep -q 'page.md:3: a block does not end' "$work/message" || fail "$(cat "$work/message")"
refused '<!-- file:a -->\n```\n```\n' 'not of the form'
refused '<!-- file: a b -->\n```\n```\n' 'not of the form'
