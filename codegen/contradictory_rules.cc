#include "codegen/contradictory_rules.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "codegen/fd_rule_words.h"

namespace fdrpc::codegen {
namespace {

using google::protobuf::FieldDescriptor;

// The access that the kernel gives to every descriptor of a kind: that of the
// constructor (epoll_create(2) and so on). Others are opened as one likes.
bool CanHave(FdRules::Kind kind, FdRules::Access access) {
  switch (kind) {
    case FdRules::DIRECTORY:
      return access == FdRules::READ || access == FdRules::READ_ONLY ||
             access == FdRules::PATH;
    case FdRules::INOTIFY:
      return access == FdRules::READ || access == FdRules::READ_ONLY;
    case FdRules::REGULAR_FILE:
    case FdRules::PIPE:
    case FdRules::CHARACTER_DEVICE:
    case FdRules::BLOCK_DEVICE:
      return true;
    case FdRules::MEMFD:
    case FdRules::TERMINAL:
      return access != FdRules::PATH;
    case FdRules::SOCKET:
    case FdRules::EVENTFD:
    case FdRules::TIMERFD:
    case FdRules::SIGNALFD:
    case FdRules::PIDFD:
    case FdRules::EPOLL:
      return access == FdRules::READ || access == FdRules::WRITE ||
             access == FdRules::READ_WRITE;
  }
  return true;
}

// Whether socket(2) makes sockets of that family and type.
bool CanHave(FdRules::Socket::Family family, FdRules::Socket::Type type) {
  using Socket = FdRules::Socket;
  switch (family) {
    case Socket::UNIX:  // SOCK_RAW makes a SOCK_DGRAM
    case Socket::VSOCK:
      return type != Socket::RAW;
    case Socket::INET:
    case Socket::INET6:
      return true;
    case Socket::NETLINK:
    case Socket::PACKET:
      return type == Socket::DATAGRAM || type == Socket::RAW;
  }
  return true;
}

bool CanListen(FdRules::Socket::Type type) {
  return type == FdRules::Socket::STREAM || type == FdRules::Socket::SEQPACKET;
}

bool CanListen(FdRules::Socket::Family family) {
  return CanHave(family, FdRules::Socket::STREAM);
}

bool HasKind(const FdRules& rules, FdRules::Kind kind) {
  return std::find(rules.kind().begin(), rules.kind().end(), kind) !=
         rules.kind().end();
}

// Collects what contradicts what.
class Contradictory {
 public:
  Contradictory(const FieldDescriptor& field, const FdRules& rules)
      : field_(field), rules_(rules) {}

  std::vector<std::string> Find() && {
    FindInField();
    FindInAccess();
    FindInSeals();
    FindInSocket();
    return std::move(found_);
  }

 private:
  void Add(absl::string_view what) {
    found_.push_back(absl::StrCat("option (fdrpc.fd_rules): ", what));
  }

  void FindInField() {
    if (rules_.required() && field_.is_repeated()) {
      Add("required is for a singular field, and this one may have no element; "
          "remove required");
    } else if (rules_.required() && field_.real_containing_oneof() != nullptr) {
      Add("required is not for a field of a oneof, which another field of it "
          "may replace; remove required");
    }
    if (!rules_.has_max_count()) return;
    if (!field_.is_repeated()) {
      Add("max_count is for a repeated field or a map, and this field has one "
          "descriptor; remove max_count");
    } else if (rules_.max_count() == 0) {
      Add("max_count is 0, so that no descriptor could be sent; allow one, or "
          "remove the field");
    }
  }

  void FindInAccess() {
    if (!rules_.has_access()) return;
    const FdRules::Access access = rules_.access();
    for (const int number : rules_.kind()) {
      const auto kind = static_cast<FdRules::Kind>(number);
      if (CanHave(kind, access)) continue;
      Add(absl::StrCat("access ", FdRules::Access_Name(access), " and kind ",
                       FdRules::Kind_Name(kind),
                       " contradict each other: ", InWords(kind), " is never ",
                       InWords(access), "; remove one of them"));
    }
    if (access != FdRules::PATH) return;
    if (rules_.has_nonblocking()) {
      Add("nonblocking is not for access PATH: O_PATH has no O_NONBLOCK; "
          "remove one of them");
    }
  }

  void FindInSeals() {
    if (rules_.seals_size() == 0) return;
    for (const int number : rules_.kind()) {
      const auto kind = static_cast<FdRules::Kind>(number);
      if (kind == FdRules::MEMFD) continue;
      Add(absl::StrCat("seals are for memfds, and ", InWords(kind),
                       " can have none; remove seals, or kind ",
                       FdRules::Kind_Name(kind)));
    }
    if (rules_.kind_size() == 0) {
      Add("seals are for memfds; add kind: MEMFD");
    }
  }

  void FindInSocket() {
    if (!rules_.has_socket()) return;
    if (!HasKind(rules_, FdRules::SOCKET)) {
      Add("socket is for the kind SOCKET; add kind: SOCKET, or remove socket");
    }
    FindInFamilies();
    if (!rules_.socket().listening()) return;
    for (const int number : rules_.socket().type()) {
      const auto type = static_cast<FdRules::Socket::Type>(number);
      if (!CanListen(type)) {
        AddListening(absl::StrCat("type ", FdRules::Socket::Type_Name(type)));
      }
    }
    for (const int number : rules_.socket().family()) {
      const auto family = static_cast<FdRules::Socket::Family>(number);
      if (!CanListen(family)) {
        AddListening(
            absl::StrCat("family ", FdRules::Socket::Family_Name(family)));
      }
    }
  }

  void AddListening(const std::string& never) {
    Add(absl::StrCat("listening and ", never,
                     " contradict each other: only sockets with connections "
                     "listen; remove one of them"));
  }

  // Families that have none of the types, and types that none of the families
  // has.
  void FindInFamilies() {
    const FdRules::Socket& socket = rules_.socket();
    const auto fit = [](int family, int type) {
      return CanHave(static_cast<FdRules::Socket::Family>(family),
                     static_cast<FdRules::Socket::Type>(type));
    };
    for (const int family : socket.family()) {
      if (socket.type().empty() ||
          std::any_of(socket.type().begin(), socket.type().end(),
                      [&](int type) { return fit(family, type); })) {
        continue;
      }
      Add(absl::StrCat("no socket of family ",
                       FdRules::Socket::Family_Name(
                           static_cast<FdRules::Socket::Family>(family)),
                       " is of type ", SocketTypes(socket),
                       "; remove the family, or add one of its types"));
    }
    for (const int type : socket.type()) {
      if (socket.family().empty() ||
          std::any_of(socket.family().begin(), socket.family().end(),
                      [&](int family) { return fit(family, type); })) {
        continue;
      }
      Add(absl::StrCat(
          "no socket of type ",
          FdRules::Socket::Type_Name(static_cast<FdRules::Socket::Type>(type)),
          " is of family ", SocketFamilies(socket),
          "; remove the type, or add one of its families"));
    }
  }

  const FieldDescriptor& field_;
  const FdRules& rules_;
  std::vector<std::string> found_;
};

}  // namespace

std::vector<std::string> Contradictions(const FieldDescriptor& field,
                                        const FdRules& rules) {
  return Contradictory(field, rules).Find();
}

}  // namespace fdrpc::codegen
