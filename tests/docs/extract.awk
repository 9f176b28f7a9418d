# awk -v out=DIRECTORY -f extract.awk PAGE.md
#
# Writes the files that a page of Markdown contains: each is a fenced block of code
# behind a line of its own that names it,
#
#   <!-- file: NAME -->
#
# Blocks without such a line are not looked at. Fails, saying at which line, if
# a name stands before anything else than a block, occurs twice or leaves the
# directory, if a block does not end, or if there is no file at all.

function fail(message) {
  printf "%s:%d: %s\n", FILENAME, FNR, message > "/dev/stderr"
  failed = 1
  exit 1
}

# How many of the character that it begins with a line begins with.
function run_length(line, mark,  length_of_run) {
  length_of_run = 0
  while (substr(line, length_of_run + 1, 1) == mark) length_of_run++
  return length_of_run
}

# Within a block: it ends with at least as many marks as it began with.
fence > 0 {
  if (run_length($0, mark) >= fence && substr($0, run_length($0, mark) + 1) ~ /^ *$/) {
    fence = 0
    if (target != "") close(target)
    target = ""
  } else if (target != "") {
    print > target
  }
  next
}

/^<!-- *file:/ {
  if (name != "") fail("two names in a row")
  if ($0 !~ /^<!-- file: [^ ]+ -->$/) fail("not of the form <!-- file: NAME -->")
  name = $3
  if (name !~ /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/) fail("not a plain file name: " name)
  if (name in seen) fail("a second file of the name " name)
  seen[name] = 1
  files++
  next
}

/^```/ || /^~~~/ {
  mark = substr($0, 1, 1)
  fence = run_length($0, mark)
  if (name != "") {
    target = out "/" name
    printf "" > target
  }
  name = ""
  next
}

name != "" { fail("no block follows the name " name) }

END {
  if (failed) exit 1
  if (fence > 0) fail("a block does not end")
  if (name != "") fail("no block follows the name " name)
  if (files == 0) fail("there is no file in it")
}
