#include "os/descriptor_check.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <iterator>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "os/descriptor_kind.h"
#include "os/syscalls.h"

#ifndef F_SEAL_FUTURE_WRITE  // Linux 5.1
#define F_SEAL_FUTURE_WRITE 0x0010
#endif
#ifndef F_SEAL_EXEC  // Linux 6.3
#define F_SEAL_EXEC 0x0020
#endif

namespace fdrpc {
namespace {

using internal::DescriptorRules;
using Demand = DescriptorRules::Demand;

// A value of an enum of fdrpc.FdRules: its number is its place in the table.
struct Value {
  int constant;  // the kernel's; -1 if the enum has no such number
  std::string_view words;
};

constexpr Value kSeals[] = {
    {0, ""},
    {F_SEAL_SEAL, "F_SEAL_SEAL"},
    {F_SEAL_SHRINK, "F_SEAL_SHRINK"},
    {F_SEAL_GROW, "F_SEAL_GROW"},
    {F_SEAL_WRITE, "F_SEAL_WRITE"},
    {F_SEAL_FUTURE_WRITE, "F_SEAL_FUTURE_WRITE"},
    {F_SEAL_EXEC, "F_SEAL_EXEC"},
};
constexpr Value kFamilies[] = {
    {-1, ""},
    {AF_UNIX, "AF_UNIX"},
    {AF_INET, "AF_INET"},
    {AF_INET6, "AF_INET6"},
    {AF_NETLINK, "AF_NETLINK"},
    {AF_PACKET, "AF_PACKET"},
    {AF_VSOCK, "AF_VSOCK"},
};
constexpr Value kTypes[] = {
    {-1, ""},
    {SOCK_STREAM, "SOCK_STREAM"},
    {SOCK_DGRAM, "SOCK_DGRAM"},
    {SOCK_SEQPACKET, "SOCK_SEQPACKET"},
    {SOCK_RAW, "SOCK_RAW"},
};

// The numbers of fdrpc.FdRules.Access.
enum Access : uint8_t {
  kAnyAccess,
  kRead,
  kWrite,
  kReadWrite,
  kReadOnly,
  kWriteOnly,
  kPath
};

bool Has(DescriptorRules::Set set, size_t number) {
  return (set >> number & 1u) != 0;
}
bool Has(DescriptorRules::Set set, DescriptorKind kind) {
  return Has(set, static_cast<size_t>(kind));
}

absl::Status Broken(std::string_view what, std::string_view demanded) {
  return absl::InvalidArgumentError(
      absl::StrCat("the descriptor is ", std::string(what),
                   ", and the field's rules demand ", std::string(demanded)));
}

// "a, b or c" of the members of `set`.
template <typename InWords>
std::string Alternatives(DescriptorRules::Set set, InWords in_words) {
  std::string list;
  for (size_t number = 0; set != 0; ++number) {
    if (!Has(set, number)) continue;
    set &= ~(1u << number);
    const std::string_view words = in_words(number);
    absl::StrAppend(&list,
                    list.empty() ? ""
                    : set == 0   ? " or "
                                 : ", ",
                    std::string(words));
  }
  return list;
}

std::string Alternatives(DescriptorRules::Set set,
                         std::span<const Value> values) {
  return Alternatives(set, [&](size_t number) {
    return number < values.size() ? values[number].words : "an unknown value";
  });
}

std::string KindsInWords(DescriptorRules::Set kinds) {
  return Alternatives(kinds, [](size_t number) {
    return InWords(static_cast<DescriptorKind>(number));
  });
}

class Checker {
 public:
  Checker(const DescriptorRules& rules, int fd) : rules_(rules), fd_(fd) {}

  absl::Status Check() const {
    absl::Status kept = CheckFlags();
    if (kept.ok() && rules_.kinds != 0) kept = CheckKind();
    if (kept.ok() && rules_.seals != 0) kept = CheckSeals();
    return kept;
  }

 private:
  absl::Status CheckFlags() const {
    const int flags = Syscalls::Get().get_status_flags(fd_);
    if (flags < 0) {
      const int error = errno;
      if (error != EBADF) return CannotFindOut(error, "F_GETFL");
      return absl::InvalidArgumentError(
          absl::StrCat("descriptor ", fd_, " is not open (EBADF)"));
    }
    if (absl::Status kept = CheckAccess(flags); !kept.ok()) return kept;
    const bool nonblocking = (flags & O_NONBLOCK) != 0;
    if (rules_.nonblocking == Demand::kYes && !nonblocking) {
      return Broken("blocking", "O_NONBLOCK");
    }
    if (rules_.nonblocking == Demand::kNo && nonblocking) {
      return Broken("non-blocking", "one without O_NONBLOCK");
    }
    return absl::OkStatus();
  }

  absl::Status CheckAccess(int flags) const {
    if ((flags & O_PATH) != 0) {
      if (rules_.access == kPath) return absl::OkStatus();
      return Broken("opened with O_PATH", "one that is not");
    }
    const int mode = flags & O_ACCMODE;
    const bool reads = mode == O_RDONLY || mode == O_RDWR;
    const bool writes = mode == O_WRONLY || mode == O_RDWR;
    const std::string_view opened = reads && writes
                                        ? "open for reading and writing"
                                    : reads  ? "open for reading alone"
                                    : writes ? "open for writing alone"
                                             : "open for ioctl(2) alone";
    switch (rules_.access) {
      case kAnyAccess:
        break;
      case kRead:
        if (!reads) return Broken(opened, "reading");
        break;
      case kWrite:
        if (!writes) return Broken(opened, "writing");
        break;
      case kReadWrite:
        if (!reads || !writes) return Broken(opened, "reading and writing");
        break;
      case kReadOnly:
        if (!reads || writes) return Broken(opened, "reading alone");
        break;
      case kWriteOnly:
        if (reads || !writes) return Broken(opened, "writing alone");
        break;
      default:
        return Broken(opened, "O_PATH");
    }
    return absl::OkStatus();
  }

  absl::Status CheckKind() const {
    const absl::StatusOr<struct statx> file = StatWithoutWaiting(fd_);
    if (!file.ok() && !absl::IsInvalidArgument(file.status())) {
      return file.status();
    }
    if (!file.ok()) {
      return Broken(
          absl::StrCat("of a file whose kind its file system does not tell (",
                       std::string(file.status().message()), ")"),
          KindsInWords(rules_.kinds));
    }
    const DescriptorKind basic = BasicKind(*file);
    if (basic == DescriptorKind::kSocket &&
        Has(rules_.kinds, DescriptorKind::kSocket)) {
      return CheckSocket();
    }
    if (Has(rules_.kinds, basic)) return absl::OkStatus();
    const absl::StatusOr<DescriptorKind> kind = Refined(basic);
    if (!kind.ok()) return kind.status();
    if (Has(rules_.kinds, *kind)) return absl::OkStatus();
    return Broken(InWords(*kind), KindsInWords(rules_.kinds));
  }

  // The kind by more than the type of the file, as far as the rules ask.
  absl::StatusOr<DescriptorKind> Refined(DescriptorKind basic) const {
    if (basic == DescriptorKind::kRegularFile &&
        Has(rules_.kinds, DescriptorKind::kMemfd)) {
      const absl::StatusOr<bool> memfd = IsMemfd(fd_);
      if (!memfd.ok()) return memfd.status();
      if (*memfd) return DescriptorKind::kMemfd;
    } else if (basic == DescriptorKind::kCharacterDevice &&
               Has(rules_.kinds, DescriptorKind::kTerminal)) {
      if (IsTerminal(fd_)) return DescriptorKind::kTerminal;
    } else if (basic == DescriptorKind::kOther) {
      const absl::StatusOr<DescriptorKind> anonymous = AnonymousKind(fd_);
      // If the rules ask for a file, any anonymous inode breaks them.
      return anonymous.ok() || !AsksForAnonymous() ? anonymous.value_or(basic)
                                                   : anonymous;
    }
    return basic;
  }

  bool AsksForAnonymous() const {
    return rules_.kinds >> static_cast<int>(DescriptorKind::kEventfd) != 0;
  }

  absl::Status CheckSocket() const {
    absl::Status kept = CheckOption(SO_DOMAIN, rules_.families, kFamilies);
    if (kept.ok()) kept = CheckOption(SO_TYPE, rules_.types, kTypes);
    if (!kept.ok() || rules_.listening == Demand::kNone) return kept;
    const absl::StatusOr<int> listens = Option(SO_ACCEPTCONN);
    if (!listens.ok()) return listens.status();
    if (rules_.listening == Demand::kYes && *listens == 0) {
      return Broken("a socket that accepts no connections",
                    "a listening socket");
    }
    if (rules_.listening == Demand::kNo && *listens != 0) {
      return Broken("a listening socket", "one that does not listen");
    }
    return kept;
  }

  absl::StatusOr<int> Option(int option) const {
    int value = 0;
    socklen_t length = sizeof(value);
    if (Syscalls::Get().getsockopt(fd_, SOL_SOCKET, option, &value, &length) <
        0) {
      return CannotFindOut(errno, "getsockopt");
    }
    return value;
  }

  absl::Status CheckOption(int option, DescriptorRules::Set allowed,
                           std::span<const Value> values) const {
    if (allowed == 0) return absl::OkStatus();
    const absl::StatusOr<int> value = Option(option);
    if (!value.ok()) return value.status();
    std::string is = absl::StrCat(
        "a socket of ", option == SO_DOMAIN ? "family " : "type ", *value);
    for (size_t number = 0; number < values.size(); ++number) {
      if (values[number].constant != *value) continue;
      if (Has(allowed, number)) return absl::OkStatus();
      is = absl::StrCat("an ", std::string(values[number].words), " socket");
    }
    return Broken(is, Alternatives(allowed, values));
  }

  absl::Status CheckSeals() const {
    int seals = Syscalls::Get().get_seals(fd_);
    if (seals < 0) return CannotFindOut(errno, "F_GET_SEALS");
    // Without any write there is no later one.
    if ((seals & F_SEAL_WRITE) != 0) seals |= F_SEAL_FUTURE_WRITE;
    for (size_t number = 1; number < std::size(kSeals); ++number) {
      const Value& seal = kSeals[number];
      if (Has(rules_.seals, number) && (seals & seal.constant) == 0) {
        return Broken(absl::StrCat("a memfd without ", std::string(seal.words)),
                      "this seal");
      }
    }
    return absl::OkStatus();
  }

  const DescriptorRules& rules_;
  const int fd_;
};

}  // namespace

absl::Status CheckDescriptor(const internal::DescriptorRules& rules, int fd) {
  return Checker(rules, fd).Check();
}

}  // namespace fdrpc
