#include "os/descriptor_check.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <iostream>
#include <string>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/os/descriptor_samples.h"
#include "tests/support/child.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/fault_injection.h"

namespace fdrpc::testing {
namespace {

using internal::DescriptorRules;
using ::testing::HasSubstr;
using Demand = DescriptorRules::Demand;

constexpr uint32_t Bit(DescriptorKind kind) {
  return 1u << static_cast<int>(kind);
}

// The numbers of fdrpc/options.proto.
enum Access { kRead = 1, kWrite, kReadWrite, kReadOnly, kWriteOnly, kPath };
enum Seal { kSeal = 1, kShrink, kGrow, kSealWrite, kFutureWrite };
enum Family { kUnix = 1, kInet, kInet6, kNetlink };
enum Type { kStream = 1, kDatagram, kSeqpacket, kRaw };

DescriptorRules Kinds(uint32_t kinds) { return {.kinds = kinds}; }

class DescriptorCheckTest : public ::testing::Test {
 protected:
  static void Breaks(const DescriptorRules& rules, int fd,
                     const std::string& what) {
    const absl::Status status = CheckDescriptor(rules, fd);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(what));
  }
  static void Keeps(const DescriptorRules& rules, int fd) {
    EXPECT_EQ(CheckDescriptor(rules, fd), absl::OkStatus());
  }

  ExpectSameDescriptors census_;
};

// Compares each sample with a rule for each kind. How often the result is
// wrong.
int WrongKinds() {
  int wrong = 0;
  for (const DescriptorSample& sample : DescriptorSamples()) {
    const UniqueFd fd = sample.make();
    for (int number = 1; number <= static_cast<int>(DescriptorKind::kInotify);
         ++number) {
      const auto kind = static_cast<DescriptorKind>(number);
      DescriptorRules rules = Kinds(Bit(kind));
      if (sample.access == DescriptorAccess::kNone) rules.access = kPath;
      const bool fits = kind == sample.kind ||
                        (kind == DescriptorKind::kRegularFile &&
                         sample.kind == DescriptorKind::kMemfd) ||
                        (kind == DescriptorKind::kCharacterDevice &&
                         sample.kind == DescriptorKind::kTerminal);
      const absl::Status status = CheckDescriptor(rules, fd.get());
      const bool as_expected =
          fits ? status.ok()
               : absl::IsInvalidArgument(status) &&
                     status.message().find("the field's rules demand " +
                                           std::string(InWords(kind))) !=
                         absl::string_view::npos;
      if (as_expected) continue;
      std::cerr << sample.name << " as " << InWords(kind) << ": " << status
                << "\n";
      ++wrong;
    }
  }
  return wrong;
}

TEST_F(DescriptorCheckTest, EveryKindIsToldFromEveryOther) {
  EXPECT_EQ(WrongKinds(), 0);
}

TEST_F(DescriptorCheckTest, AnUnprivilegedProcessTellsThemToo) {
  EXPECT_EQ(InChild([] {
              BecomeUnprivileged();
              return WrongKinds();
            }),
            0);
}

TEST_F(DescriptorCheckTest, OneOfSeveralKindsIsEnough) {
  const DescriptorRules rules =
      Kinds(Bit(DescriptorKind::kPipe) | Bit(DescriptorKind::kMemfd) |
            Bit(DescriptorKind::kEventfd));
  Keeps(rules, PipeEnd(0).get());
  Keeps(rules, UniqueFd(memfd_create("a", MFD_CLOEXEC)).get());
  Keeps(rules, UniqueFd(eventfd(0, EFD_CLOEXEC)).get());
  Breaks(rules, OpenPath("/", O_RDONLY).get(),
         "the descriptor is a directory, and the field's rules demand a pipe "
         "or FIFO, a memfd or an eventfd");
  Breaks(rules, OpenPath("/dev/shm", O_TMPFILE | O_RDWR).get(),
         "the descriptor is a regular file");
  Breaks(rules, UniqueFd(epoll_create1(EPOLL_CLOEXEC)).get(),
         "the descriptor is an epoll instance");
}

TEST_F(DescriptorCheckTest, AccessIsThatOfTheOpenFile) {
  const UniqueFd read = OpenPath("/dev/null", O_RDONLY);
  const UniqueFd write = OpenPath("/dev/null", O_WRONLY);
  const UniqueFd both = OpenPath("/dev/null", O_RDWR);
  const UniqueFd path = OpenPath("/dev/null", O_PATH);
  const struct {
    Access access;
    std::array<int, 4> fits;
    const char* demanded;
  } cases[] = {{kRead, {1, 0, 1, 0}, "reading"},
               {kWrite, {0, 1, 1, 0}, "writing"},
               {kReadWrite, {0, 0, 1, 0}, "reading and writing"},
               {kReadOnly, {1, 0, 0, 0}, "reading alone"},
               {kWriteOnly, {0, 1, 0, 0}, "writing alone"},
               {kPath, {0, 0, 0, 1}, "O_PATH"}};
  for (const auto& each : cases) {
    const DescriptorRules rules = {.access = static_cast<uint8_t>(each.access)};
    size_t place = 0;
    for (const UniqueFd* fd : {&read, &write, &both, &path}) {
      if (each.fits.at(place++) != 0) {
        Keeps(rules, fd->get());
      } else if (fd != &path) {
        Breaks(rules, fd->get(), std::string("demand ") + each.demanded);
      } else {
        Breaks(rules, fd->get(), "the descriptor is opened with O_PATH");
      }
    }
  }
}

TEST_F(DescriptorCheckTest, OPathBreaksAnyRuleThatDoesNotAskForIt) {
  const UniqueFd path = OpenPath("/", O_PATH);
  Breaks(Kinds(Bit(DescriptorKind::kDirectory)), path.get(),
         "the descriptor is opened with O_PATH, and the field's rules demand "
         "one that is not");
  Breaks({.nonblocking = Demand::kNo}, path.get(), "O_PATH");
}

TEST_F(DescriptorCheckTest, BlockingIsThatOfTheOpenFile) {
  const UniqueFd blocking = OpenSocket(AF_UNIX, SOCK_STREAM);
  const UniqueFd nonblocking = OpenSocket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK);
  Keeps({.nonblocking = Demand::kNo}, blocking.get());
  Keeps({.nonblocking = Demand::kYes}, nonblocking.get());
  Breaks({.nonblocking = Demand::kYes}, blocking.get(),
         "the descriptor is blocking, and the field's rules demand O_NONBLOCK");
  Breaks({.nonblocking = Demand::kNo}, nonblocking.get(),
         "the descriptor is non-blocking");
}

TEST_F(DescriptorCheckTest, SocketsHaveAFamilyAndAType) {
  const DescriptorRules rules = {
      .kinds = Bit(DescriptorKind::kSocket) | Bit(DescriptorKind::kPipe),
      .families = 1u << kUnix | 1u << kInet6,
      .types = 1u << kStream | 1u << kSeqpacket};
  Keeps(rules, OpenSocket(AF_UNIX, SOCK_STREAM).get());
  Keeps(rules, OpenSocket(AF_UNIX, SOCK_SEQPACKET).get());
  Keeps(rules, PipeEnd(0).get());
  Breaks(rules, OpenSocket(AF_INET, SOCK_STREAM).get(),
         "the descriptor is an AF_INET socket, and the field's rules demand "
         "AF_UNIX or AF_INET6");
  Breaks(rules, OpenSocket(AF_UNIX, SOCK_DGRAM).get(),
         "the descriptor is an SOCK_DGRAM socket, and the field's rules demand "
         "SOCK_STREAM or SOCK_SEQPACKET");
  Breaks({.kinds = Bit(DescriptorKind::kSocket), .families = 1u << kNetlink},
         OpenSocket(AF_UNIX, SOCK_STREAM).get(), "AF_NETLINK");
  Keeps({.kinds = Bit(DescriptorKind::kSocket), .families = 1u << kNetlink},
        OpenSocket(AF_NETLINK, SOCK_RAW).get());
}

TEST_F(DescriptorCheckTest, SocketsListenOrNot) {
  const UniqueFd idle = OpenSocket(AF_UNIX, SOCK_STREAM);
  const UniqueFd listening = OpenSocket(AF_UNIX, SOCK_STREAM);
  ASSERT_EQ(listen(listening.get(), 1), -1) << "it needs an address";
  const sockaddr autobind = {.sa_family = AF_UNIX, .sa_data = {}};
  ASSERT_EQ(bind(listening.get(), &autobind, sizeof(sa_family_t)), 0);
  ASSERT_EQ(listen(listening.get(), 1), 0);
  DescriptorRules rules = Kinds(Bit(DescriptorKind::kSocket));
  rules.listening = Demand::kYes;
  Keeps(rules, listening.get());
  Breaks(rules, idle.get(), "demand a listening socket");
  rules.listening = Demand::kNo;
  Keeps(rules, idle.get());
  Breaks(rules, listening.get(), "the descriptor is a listening socket");
}

TEST_F(DescriptorCheckTest, AllSealsAreDemanded) {
  const UniqueFd file(memfd_create("a", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  DescriptorRules rules = Kinds(Bit(DescriptorKind::kMemfd));
  rules.seals = 1u << kShrink | 1u << kGrow;
  Breaks(rules, file.get(), "the descriptor is a memfd without F_SEAL_SHRINK");
  ASSERT_EQ(fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK), 0);
  Breaks(rules, file.get(), "a memfd without F_SEAL_GROW");
  ASSERT_EQ(fcntl(file.get(), F_ADD_SEALS, F_SEAL_GROW), 0);
  Keeps(rules, file.get());
  rules.seals |= 1u << kFutureWrite;
  Breaks(rules, file.get(), "F_SEAL_FUTURE_WRITE");
  ASSERT_EQ(fcntl(file.get(), F_ADD_SEALS, F_SEAL_WRITE), 0);
  Keeps(rules, file.get());
  rules.seals |= 1u << kSeal;
  Breaks(rules, file.get(), "F_SEAL_SEAL");
}

TEST_F(DescriptorCheckTest, OneThatIsNotOpenIsNamed) {
  Breaks({.access = kRead}, 700, "descriptor 700 is not open (EBADF)");
}

// Each system call of a check fails in turn; the check fails with a reason, and
// never passes what it has not seen.
TEST_F(DescriptorCheckTest, WhatCannotBeFoundOutIsNotTaken) {
  const UniqueFd memfd(memfd_create("a", MFD_CLOEXEC));
  const UniqueFd terminal = OpenTerminal();
  const UniqueFd event(eventfd(0, EFD_CLOEXEC));
  const UniqueFd socket = OpenSocket(AF_UNIX, SOCK_STREAM);
  DescriptorRules a_socket = Kinds(Bit(DescriptorKind::kSocket));
  a_socket.families = 1u << kUnix;
  const struct {
    const char* call;
    int fd;
    DescriptorRules rules;
  } cases[] = {
      {"get_status_flags", event.get(), {.access = kRead}},
      {"statx", event.get(), Kinds(Bit(DescriptorKind::kEventfd))},
      {"readlink", event.get(), Kinds(Bit(DescriptorKind::kEventfd))},
      {"get_seals", memfd.get(), Kinds(Bit(DescriptorKind::kMemfd))},
      {"isatty", terminal.get(), Kinds(Bit(DescriptorKind::kTerminal))},
      {"getsockopt", socket.get(), a_socket},
  };
  for (const auto& each : cases) {
    Keeps(each.rules, each.fd);
    for (const int error : {EACCES, ENOMEM, EINTR}) {
      FaultInjection faults(FaultInjection::FailFirst(each.call, 1, error));
      const absl::Status status = CheckDescriptor(each.rules, each.fd);
      EXPECT_FALSE(status.ok()) << each.call;
      EXPECT_TRUE(absl::IsInvalidArgument(status) ||
                  absl::IsFailedPrecondition(status) ||
                  absl::IsResourceExhausted(status))
          << each.call << ": " << status;
      EXPECT_EQ(faults.CountOf(each.call), 1u) << each.call;
    }
  }
}

// As under a filter of system calls. Neither is the descriptor at fault, nor
// may anybody not do something.
TEST_F(DescriptorCheckTest, WhatThisProcessMayNotAskIsNotThePeersFault) {
  const UniqueFd memfd(memfd_create("a", MFD_CLOEXEC));
  const UniqueFd event(eventfd(0, EFD_CLOEXEC));
  const UniqueFd socket = OpenSocket(AF_UNIX, SOCK_STREAM);
  DescriptorRules a_socket = Kinds(Bit(DescriptorKind::kSocket));
  a_socket.types = 1u << kStream;
  const struct {
    const char* call;
    int fd;
    DescriptorRules rules;
  } cases[] = {
      {"get_status_flags", event.get(), {.access = kRead}},
      {"statx", memfd.get(), Kinds(Bit(DescriptorKind::kMemfd))},
      {"readlink", event.get(), Kinds(Bit(DescriptorKind::kEventfd))},
      {"getsockopt", socket.get(), a_socket},
  };
  for (const auto& each : cases) {
    for (const int error : {EPERM, ENOSYS, ENOMEM}) {
      FaultInjection faults(FaultInjection::FailFirst(each.call, 1, error));
      const absl::Status status = CheckDescriptor(each.rules, each.fd);
      EXPECT_EQ(status.code(), error == ENOMEM
                                   ? absl::StatusCode::kResourceExhausted
                                   : absl::StatusCode::kFailedPrecondition)
          << each.call << ": " << status;
      EXPECT_THAT(
          std::string(status.message()),
          HasSubstr("this process cannot find out what the descriptor is"));
    }
  }
}

TEST_F(DescriptorCheckTest, AFileOfSomebodyElsesFileSystemIsNotTaken) {
  const UniqueFd file = OpenPath("/proc/self/exe", O_RDONLY);
  FaultInjection faults(FaultInjection::FailFirst("statx", 1, EACCES));
  Breaks(Kinds(Bit(DescriptorKind::kRegularFile)), file.get(),
         "of a file whose kind its file system does not tell");
}

}  // namespace
}  // namespace fdrpc::testing
