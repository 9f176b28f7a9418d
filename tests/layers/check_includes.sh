#!/bin/bash
# check_includes.sh ROOT: whether the runtime keeps to its layers
# (docs/layers.md). Prints each line that does not; fails if there is one.
set -euo pipefail
root=${1:?usage: check_includes.sh ROOT}
cd "$root"
[[ -d runtime ]] || { echo "there is no runtime/ in $root" >&2; exit 2; }

# file:line:text of every include, and of every line that names what only one
# file may name.
find runtime -name '*.h' -o -name '*.cc' | LC_ALL=C sort |
  xargs -r grep -HnE '^[[:space:]]*#[[:space:]]*include|msghdr|CMSG_|__SANITIZE|__has_feature' |
  awk '
    BEGIN {
      # The rooms that each room may include beside itself.
      below["base"] = " "
      below["os"] = below["wire"] = " base "
      below["transport"] = below["call"] = " os wire base "
      below["loop"] = " call os wire base "
      below["connection"] = " transport call os wire base "
      below["client"] = " connection loop transport call os wire base "
      below["server"] = " connection loop transport call os wire base "
      below["inprocess"] = " client server connection loop transport call os wire base "

      # The room that each public header belongs to.
      belongs("base", "metadata.h timeout.h")
      belongs("base", "internal/kept_messages.h internal/language.h")
      belongs("os", "unique_fd.h shared_fd.h descriptor_set.h listen_options.h peer_credentials.h")
      belongs("call", "call.h call_filter.h call_options.h caller.h client_call.h method.h mixed_service.h parcel.h")
      belongs("call", "server_call.h server_context.h service.h task.h write_options.h")
      belongs("call", "async_client_stream.h client_stream.h co_client_stream.h")
      belongs("call", "async_server_stream.h co_server_stream.h server_stream.h")
      belongs("call", "internal/awaiter_of.h internal/call_message.h internal/detached_task.h internal/field_path.h")
      belongs("call", "internal/finish_call.h internal/handler_checks.h internal/handler_exceptions.h")
      belongs("call", "internal/message_owner.h internal/message_stream.h internal/method_handler.h")
      belongs("call", "internal/serve_async.h internal/serve_blocking.h internal/serve_co.h internal/slot_visitor.h")
      belongs("call", "internal/stub.h internal/take_reply.h internal/task_promise.h")
      belongs("loop", "alarm.h loop.h")
      belongs("client", "answered_call.h channel.h channel_state.h client_call_filter.h client_interceptor.h")
      belongs("server", "server.h server_call_filter.h server_interceptor.h server_statistics.h")
      belongs("inprocess", "in_process_channel.h in_process_server.h")

      # Headers of system calls: the kernel is reached through os/ alone.
      kernel = "^(sys/.*|linux/.*|asm/.*|netinet/.*|arpa/.*|poll\\.h|fcntl\\.h|unistd\\.h)$"
      # What state machines and bytes have no use for.
      threads = "^(thread|mutex|shared_mutex|condition_variable|base/mutex\\.h|absl/synchronization/.*)$"
    }

    function belongs(room, headers,   list, n, i) {
      n = split(headers, list, " ")
      for (i = 1; i <= n; i++) owner[list[i]] = room
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
      if (public) {
        room = owner[substr(file, length("runtime/include/fdrpc/") + 1)]
        if (room == "") {
          if (!(file in reported)) wrong("belongs to no room: name its room in tests/layers/check_includes.sh")
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
  '
