# awk -v out=DIRECTORY -f extract.awk PAGE.md...
#
# Writes the files that pages of Markdown contain. Each file is a fenced block of
# code after a line that names it:
#
#   <!-- file: NAME -->
#
# Other blocks are ignored. Fails, and prints the page and line, if something other
# than a block follows a name, a name occurs twice in the pages or leaves the
# directory, a block does not end, or the pages contain no file.

function fail_at(page, line, message) {
  printf "%s:%d: %s\n", page, line, message > "/dev/stderr"
  failed = 1
  exit 1
}
function fail(message) { fail_at(FILENAME, FNR, message) }

# At the end of a page.
function check_complete(page, line) {
  if (fence > 0) fail_at(page, line, "a block does not end")
  if (name != "") fail_at(page, line, "no block follows the name " name)
}
FNR == 1 && NR > 1 { check_complete(page, line) }
{
  page = FILENAME
  line = FNR
}

# How many times `line` has `mark` at its beginning.
function run_length(line, mark,  length_of_run) {
  length_of_run = 0
  while (substr(line, length_of_run + 1, 1) == mark) length_of_run++
  return length_of_run
}

# Within a block. The block ends with at least as many marks as it began with.
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
  check_complete(page, line)
  if (files == 0) fail("no page contains a file")
}
