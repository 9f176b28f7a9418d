#include "codegen/fd_rule_words.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace fdrpc::codegen {
namespace {

// The values of an enum, each in words.
template <typename Value, typename ToWords>
std::string List(const google::protobuf::RepeatedField<int>& values,
                 absl::string_view separator, ToWords in_words) {
  return absl::StrJoin(values, separator, [&](std::string* out, int value) {
    absl::StrAppend(out, std::string(in_words(static_cast<Value>(value))));
  });
}

std::string Kinds(const FdRules& rules) {
  return List<FdRules::Kind>(rules.kind(), " or ",
                             [](FdRules::Kind kind) { return InWords(kind); });
}

std::string Seals(const FdRules& rules) {
  return List<FdRules::Seal>(rules.seals(), " and ", [](FdRules::Seal seal) {
    return FdRules::Seal_Name(seal);
  });
}

}  // namespace

absl::string_view InWords(FdRules::Kind kind) {
  switch (kind) {
    case FdRules::REGULAR_FILE:
      return "a regular file";
    case FdRules::DIRECTORY:
      return "a directory";
    case FdRules::PIPE:
      return "a pipe or FIFO";
    case FdRules::SOCKET:
      return "a socket";
    case FdRules::MEMFD:
      return "a memfd";
    case FdRules::CHARACTER_DEVICE:
      return "a character device";
    case FdRules::BLOCK_DEVICE:
      return "a block device";
    case FdRules::TERMINAL:
      return "a terminal";
    case FdRules::EVENTFD:
      return "an eventfd";
    case FdRules::TIMERFD:
      return "a timerfd";
    case FdRules::SIGNALFD:
      return "a signalfd";
    case FdRules::PIDFD:
      return "a pidfd";
    case FdRules::EPOLL:
      return "an epoll instance";
    case FdRules::INOTIFY:
      return "an inotify instance";
  }
  return "";
}

absl::string_view InWords(FdRules::Access access) {
  switch (access) {
    case FdRules::READ:
      return "open for reading";
    case FdRules::WRITE:
      return "open for writing";
    case FdRules::READ_WRITE:
      return "open for reading and writing";
    case FdRules::READ_ONLY:
      return "open for reading alone";
    case FdRules::WRITE_ONLY:
      return "open for writing alone";
    case FdRules::PATH:
      return "opened with O_PATH";
  }
  return "";
}

std::string SocketFamilies(const FdRules::Socket& socket) {
  using Family = FdRules::Socket::Family;
  return List<Family>(socket.family(), " or ", [](Family family) {
    return FdRules::Socket::Family_Name(family);
  });
}

std::string SocketTypes(const FdRules::Socket& socket) {
  using Type = FdRules::Socket::Type;
  return List<Type>(socket.type(), " or ",
                    [](Type type) { return FdRules::Socket::Type_Name(type); });
}

std::string RulesInWords(const FdRules& rules) {
  std::vector<std::string> parts;
  if (rules.required()) parts.push_back("required");
  if (rules.has_max_count()) {
    parts.push_back(absl::StrCat("at most ", rules.max_count()));
  }
  if (rules.has_service()) {
    parts.push_back(absl::StrCat("the service ", rules.service()));
  }
  if (rules.kind_size() > 0) parts.push_back(Kinds(rules));
  if (rules.socket().family_size() > 0) {
    parts.push_back(absl::StrCat("of family ", SocketFamilies(rules.socket())));
  }
  if (rules.socket().type_size() > 0) {
    parts.push_back(absl::StrCat("of type ", SocketTypes(rules.socket())));
  }
  if (rules.socket().has_listening()) {
    parts.push_back(rules.socket().listening() ? "listening" : "not listening");
  }
  if (rules.has_access()) {
    parts.push_back(std::string(InWords(rules.access())));
  }
  if (rules.seals_size() > 0) {
    parts.push_back(absl::StrCat("with ", Seals(rules)));
  }
  if (rules.has_nonblocking()) {
    parts.push_back(rules.nonblocking() ? "non-blocking" : "blocking");
  }
  return parts.empty()
             ? ""
             : absl::StrCat("Rules: ", absl::StrJoin(parts, ", "), ".");
}

}  // namespace fdrpc::codegen
