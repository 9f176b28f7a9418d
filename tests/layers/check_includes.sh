#!/bin/bash
# check_includes.sh ROOT: whether the runtime keeps to its layers
# (docs/layers.md), those of runtime/rooms.txt. Prints each line that does not;
# fails if there is one.
set -euo pipefail
root=${1:?usage: check_includes.sh ROOT}
cd "$root"
[[ -f runtime/rooms.txt ]] || { echo "there is no runtime/rooms.txt in $root" >&2; exit 2; }
failed=0

# The table of docs/layers.md has the same rooms.
rows=$(sed -n 's/^room \([a-z]*\): *\(.*\)$/\1|\2/p' runtime/rooms.txt | while IFS='|' read -r room below; do
  below=${below// /, }
  echo "| \`$room/\` | \`fdrpc::$room\` | ${below:-nothing of fdrpc} |"
done)
table=$(sed -n '/^| room | target |/,/^$/p' docs/layers.md | tail -n +3)
if [[ $table != "$rows" ]]; then
  echo "docs/layers.md: its table is not that of runtime/rooms.txt, which would be:"
  echo "$rows"
  failed=1
fi

# file:line:text of every include, and of every line that names what only one
# file may name.
find runtime services -name '*.h' -o -name '*.cc' | LC_ALL=C sort |
  xargs -r grep -HnE '^[[:space:]]*#[[:space:]]*include|msghdr|CMSG_|__SANITIZE|__has_feature' |
  awk '
    BEGIN {
      while ((getline line < "runtime/rooms.txt") > 0) {
        if (line !~ /^(room|headers) [a-z]+:/) continue
        n = split(line, words, "[: ]+")
        room = words[2]
        if (words[1] == "room") below[room] = " "
        for (i = 3; i <= n; i++) {
          if (words[1] == "room") below[room] = below[room] words[i] " "
          else owner[words[i]] = room
        }
      }

      # Headers of system calls: the kernel is reached through os/ alone.
      kernel = "^(sys/.*|linux/.*|asm/.*|netinet/.*|arpa/.*|poll\\.h|fcntl\\.h|unistd\\.h)$"
      # The rooms that services/capture/ uses, because it is about frames.
      of_capture = "^(base|os|wire|transport)$"
      # What state machines and bytes have no use for.
      threads = "^(thread|mutex|shared_mutex|condition_variable|base/mutex\\.h|absl/synchronization/.*)$"
    }

    function wrong(why) { printf "%s:%s: %s: %s\n", file, line, text, why; found = 1 }
    function may(from, to) { return from == to || index(below[from], " " to " ") > 0 }

    {
      match($0, /^[^:]*:[0-9]+:/)
      place = substr($0, 1, RLENGTH - 1)
      text = substr($0, RLENGTH + 1)
      sub(/^[ \t]+/, "", text)
      split(place, parts, ":")
      file = parts[1]; line = parts[2]
      split(file, path, "/")
      public = path[2] == "include"
      if (path[1] == "services") {
        if (text ~ /"fdrpc\/internal\//) wrong("only generated code and the runtime need it")
        # gRPC has .proto files, beside a room of that name.
        if (match(text, /["<][a-z]+\//) && text !~ /"grpc\/(health|reflection)\//) {
          room = substr(text, RSTART + 1, RLENGTH - 2)
          if (room in below && !(path[2] == "capture" && room ~ of_capture))
            wrong("services use public headers, and services/capture/ also those of base, os, wire, transport")
        }
        next
      }
      if (public) {
        room = owner[substr(file, length("runtime/include/fdrpc/") + 1)]
        if (room == "") {
          if (!(file in reported)) wrong("belongs to no room: name its room in runtime/rooms.txt")
          reported[file] = 1
          next
        }
      } else {
        room = path[2]
        if (!(room in below)) {
          wrong("there is no room " room)
          next
        }
      }
    }

    text ~ /__SANITIZE|__has_feature/ {
      wrong("which sanitizer it is, base/sanitizers.h says, with abseil\x27s macros")
      next
    }

    text !~ /^#[ \t]*include/ {
      # syscalls.h: the types of two entries of its table.
      if (file !~ /^runtime\/os\/ancillary\.(h|cc)$/ &&
          !(file == "runtime/os/syscalls.h" && text !~ /cmsghdr|CMSG_/))
        wrong("ancillary data is the business of os/ancillary.{h,cc}")
      next
    }

    {
      included = text
      sub(/^#[ \t]*include[ \t]*/, "", included)
      quoted = included ~ /^"/
      sub(/^["<]/, "", included)
      sub(/[">].*$/, "", included)
      top = included
      slash = index(included, "/")
      if (slash) top = substr(included, 1, slash - 1)
    }

    included ~ kernel && room != "os" && included != "sys/types.h" {
      wrong("only os/ makes system calls")
    }
    included ~ threads && (room == "call" || room == "wire") {
      wrong(room "/ is pure: no threads")
    }
    top == "fdrpc" {
      name = substr(included, 7)
      if (!(name in owner)) wrong("not a public header with a room")
      else if (!may(room, owner[name])) wrong(owner[name] "/ is not below " room "/")
      next
    }
    top in below {
      if (public) wrong("public headers include no private ones")
      else if (!may(room, top)) wrong(top "/ is not below " room "/")
      next
    }
    top ~ /^(services|tests|codegen|proto|runtime)$/ {
      wrong("the runtime includes itself by room and nothing else of this tree")
      next
    }
    quoted && top != "absl" && top != "google" {
      wrong("neither a room nor a public header")
    }
    END { exit found }
  ' || failed=1
exit $failed
